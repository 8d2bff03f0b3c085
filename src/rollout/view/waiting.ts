import type { Reason } from '../reason.ts';
import type { RolloutStatus, WaitingFor } from '../status.ts';

/** What a rollout waits for, in words, and until when. */
export type WaitingView = Pick<WaitingFor, 'what' | 'until' | 'since'> & {
  /** `the pause of this step`. */
  readonly words: string;
};

const WORDS: Readonly<Record<WaitingFor['what'], string>> = {
  pause: 'the pause of this step',
  gates: 'its gates',
  approval: 'an approval',
  pods: 'ready pods',
  traffic: 'requests to arrive as they should',
  drift: 'a person, since somebody changed the weights',
  window: 'its window',
  person: 'a person',
  pin: 'the mesh to be pinned',
  mesh: 'the mesh',
};

/** Where the reason knows more. */
const OF_REASON: Partial<Readonly<Record<Reason, string>>> = {
  Started: 'proxies to learn the subset',
  WaitingForSubset: 'proxies to learn the subset',
  WaitingForMesh: 'the routing objects',
  MeshCheckFailed: 'a mesh that passes its check',
  WaitingForPerson: 'a person to promote it',
  PausedByPerson: 'a person to resume it',
  PausedByGate: 'a person to resume it, or to abort',
  Frozen: 'the end of the freeze',
  InvalidSpec: 'a spec that can be carried out',
  PinNeeded: 'a person to say which version is stable',
  NoPods: 'pods of the new version',
  PodsLost: 'a ready pod of the new version',
  PodsShrinking: 'its pods to come back',
  WaitingForCapacity: 'more ready pods of the new version',
  WaitingForStable: 'a ready pod of the stable version',
};

/** Whatever the reason is, these words are about something else. */
const ALWAYS: readonly WaitingFor['what'][] = ['pause', 'approval', 'drift', 'window'];

export const waitingView = ({ waitingFor, reason }: RolloutStatus): WaitingView | undefined => {
  if (waitingFor === undefined) return undefined;
  const { what } = waitingFor;
  return { ...waitingFor, words: (ALWAYS.includes(what) ? undefined : OF_REASON[reason]) ?? WORDS[what] };
};
