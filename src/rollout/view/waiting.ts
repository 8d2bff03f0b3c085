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
  pin: 'a person to say which version is stable',
  mesh: 'the mesh',
};

export const waitingView = ({ waitingFor }: RolloutStatus): WaitingView | undefined =>
  waitingFor === undefined ? undefined : { ...waitingFor, words: WORDS[waitingFor.what] };
