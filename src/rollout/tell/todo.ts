import { isoSeconds } from '../duration.ts';
import type { Rollout } from '../observation.ts';
import { pauseOfPerson } from '../people/pause.ts';
import { openQuestion } from '../people/question.ts';
import { refusalOf, type Verb } from '../people/request.ts';
import type { Reason } from '../reason.ts';
import type { RolloutStatus } from '../status.ts';

type Told = Pick<Rollout, 'namespace' | 'name'> & { readonly status: RolloutStatus };

/** What a person can do now, one line each; what ends the present state comes first. Commands can be pasted as they stand. */
export const todoOf = (told: Told): readonly string[] => {
  const { status } = told;
  if (status.phase === 'RollingBack') return backToDo(told);
  const advice = ADVICE[status.reason]?.(told) ?? [];
  return [...answersToDo(told), ...advice, ...toAsk(told, 'to go back at once', 'abort')];
};

/** How people answer what they are asked; nothing while nobody is. */
export const answersToDo = ({ namespace, name, status }: Told): readonly string[] => {
  const question = openQuestion(status);
  if (question === undefined) return [];
  const about = `${name} -n ${namespace} --revision ${question.revision} --step ${question.step}`;
  return [`to approve: sluice approve ${about}`, `to reject, which puts everything back: sluice reject ${about}`];
};

/** Going back needs nobody, unless there is nobody to go back to. */
const backToDo = (told: Told): readonly string[] =>
  told.status.waitingFor?.what === 'pods'
    ? [`mend ${told.status.target?.stable ?? 'the stable version'}: it has no ready pod to take the traffic`, ...toForce(told)]
    : [];

type Asked = { readonly revision?: string; readonly step?: number; readonly force?: true };

/**
 * A line with the command that asks for it, with the rights of whoever types it; none when it would be refused (R22).
 * docs/operations.md has the same without the command line.
 */
const toAsk = ({ namespace, name, status }: Told, words: string, verb: Verb, asked: Asked = {}): readonly string[] => {
  const { revision, step, force = false } = asked;
  if (refusalOf({ id: '', raw: '', verb, force, ...asked }, status, 0) !== undefined) return [];
  const named = revision === undefined || step === undefined ? '' : ` --revision ${revision} --step ${step}`;
  return [`${words}: sluice ${verb} ${name} -n ${namespace}${force ? ' --force' : ''}${named}`];
};

const toResume = (told: Told, words: string): readonly string[] => toAsk(told, words, 'resume');

/** What is pasted later names the attempt and the step that it was meant for. */
const toPromote = (told: Told, words: string): readonly string[] => {
  const { revision, step } = told.status;
  return toAsk(told, words, 'promote', revision === undefined || step === undefined ? {} : { revision, step: step.index });
};

const toForce = (told: Told): readonly string[] => toAsk(told, 'or put the traffic there all the same', 'abort', { force: true });

const afterRollback = (told: Told): readonly string[] =>
  told.status.phase === 'RolledBack'
    ? ['mend it and commit another version', ...toAsk(told, 'to try the same version again', 'retry')]
    : [];

const withoutEvidence =
  (mend: string) =>
  (told: Told): readonly string[] => [mend, ...toPromote(told, 'to go on without it')];

const podsToSee = ({ namespace, status: { target, canaryVersion } }: Told): string => {
  const version = target?.canary ?? canaryVersion;
  return `see why: kubectl -n ${namespace} describe pods${version === undefined ? '' : ` -l ${target?.versionLabel ?? 'version'}=${version}`}`;
};

const unpause = (told: Told): readonly string[] => [
  ...(pauseOfPerson(told.status) === undefined ? ['set spec.paused to false to go on'] : toResume(told, 'to go on')),
];

const driftToDo = (told: Told): readonly string[] => {
  const { phase, stableVersion } = told.status;
  if (phase === 'RolledBack') return [`put the weights back by hand: all traffic to ${stableVersion ?? 'the stable version'}`];
  return ['find out who writes the weights; the message names the field manager', ...toResume(told, 'to put them back')];
};

const afterPromotion = ({ status: { previous } }: Told): readonly string[] =>
  previous?.until === undefined
    ? []
    : [`to go back: commit ${previous.version}; until ${isoSeconds(Date.parse(previous.until))} that is one step`];

const plain =
  (...lines: readonly string[]) =>
  (): readonly string[] =>
    lines;

const mendMesh = plain('mend what the message names; it goes on by itself then');
const seePods = (told: Told): readonly string[] => [podsToSee(told)];

/** What a reason asks of people; those that are missing ask nothing. */
const ADVICE: Partial<Readonly<Record<Reason, (told: Told) => readonly string[]>>> = {
  PinNeeded: told => [
    'set spec.initialVersion to the version that is stable',
    ...toAsk(told, 'or make spec.version stable', 'promote'),
  ],
  WaitingForPerson: told => toPromote(told, 'to go on'),
  WaitingForGates: withoutEvidence('wait until every gate passes'),
  NoPods: seePods,
  WaitingForPods: seePods,
  PodsShrinking: told => [podsToSee(told), ...toPromote(told, 'to go on with fewer')],
  PodsLost: told => [podsToSee(told), ...afterRollback(told)],
  ProgressDeadlineExceeded: told => [podsToSee(told), ...afterRollback(told)],
  WaitingForCapacity: plain('scale the new version up, or set spec.capacity to warn'),
  WaitingForMesh: mendMesh,
  MeshCheckFailed: mendMesh,
  WaitingForStable: told => [
    `mend ${told.status.target?.stable ?? 'the stable version'}: nothing is shifted to it without a ready pod`,
    ...toForce(told),
  ],
  WaitingForTraffic: withoutEvidence('look at the causes that the message names'),
  WaitingForWindow: plain('it goes on by itself; to go on sooner, commit other windows'),
  Frozen: plain('ask whoever the message names; to end a freeze: sluice freeze --off'),
  PausedByPerson: unpause,
  PausedByGate: told => toResume(told, 'to go on, with the step from its beginning'),
  ProviderError: withoutEvidence('mend the provider; it goes on by itself when it answers'),
  NoData: withoutEvidence('find out why there are none: no requests, no sidecar, sampling too low'),
  Drift: driftToDo,
  DriftPutDown: plain('find out who raised the weight; the message names the field manager'),
  DriftRestored: plain('let the tool that the message names leave the weights alone'),
  InvalidSpec: plain('mend the field that the message names; sluice validate FILE says the same before a commit'),
  SourceProblem: plain('mend the file: the message names it, with its line'),
  Promoted: afterPromotion,
  GateFailed: afterRollback,
  UnattributedFailures: afterRollback,
  Aborted: afterRollback,
  Rejected: afterRollback,
  ApprovalTimedOut: afterRollback,
  DriftRepeated: afterRollback,
  SubsetRemoved: afterRollback,
  RolledBack: afterRollback,
};
