import { isDeepStrictEqual } from 'node:util';
import { type RolloutObject, type Status, type Story, splitOf, type VirtualService } from './story.ts';

/** What one rollout leaves behind, as far as it must not depend on where its controller was killed. */
export interface Timeline {
  /** Weights of the steered route, one for each state of the VirtualService. */
  readonly weights: readonly string[];
  /** Whether routes of the Rollout's own stood beside the steered one, one for each change. */
  readonly beside: readonly boolean[];
  /** Weights that did not come with a position of this Rollout that says the same, and that nobody else wrote. */
  readonly unexplained: readonly string[];
  /** Weights that the status told of, one for each change. */
  readonly told: readonly number[];
  /** Reasons that the status gave, one for each change; how long gates take to see enough is left to chance. */
  readonly reasons: readonly string[];
  readonly history: readonly string[];
  readonly phase: string;
  readonly reason: string;
  readonly stableVersion: string | undefined;
  /** Whether the Rollout had a finalizer, one for each change. */
  readonly finalizer: readonly boolean[];
  /** Raises that came before the step before them had lasted as long as its pause: `v1:50 v2:50 after 2900 ms`. */
  readonly shortened: readonly string[];
  /** Steps whose clock began more than once. */
  readonly startedAgain: readonly string[];
}

interface Position {
  readonly seq: number;
  readonly weight: number;
  readonly revision: string;
  readonly time: string;
  /** Stable one first, new one last. */
  readonly versions: readonly string[];
}

const changesOf = <T>(values: readonly T[]): readonly T[] =>
  values.filter((value, index) => index === 0 || value !== values[index - 1]);

export const hasFinalizer = ({ metadata }: RolloutObject): boolean =>
  ((metadata['finalizers'] as readonly string[] | undefined) ?? []).length > 0;

function positionIn({ metadata }: VirtualService, uid: unknown): Position | undefined {
  const { annotations } = metadata as { readonly annotations?: Readonly<Record<string, string>> };
  const positions = JSON.parse(annotations?.['sluice.dev/position'] ?? '{}') as Readonly<Record<string, Position>>;
  return Object.entries(positions).find(([key]) => key === uid)?.[1];
}

const steeredOf = ({ spec }: VirtualService) => spec.http.find(({ name }) => name === 'primary')?.route ?? [];

function isExplained(object: VirtualService, position: Position | undefined): boolean {
  const weightOf = (version: string | undefined) =>
    steeredOf(object).find(({ destination }) => destination.subset === version)?.weight ?? 0;
  if (position === undefined) return weightOf('v1') === 100;
  const [stable, canary] = position.versions.slice(-2);
  return weightOf(canary) === position.weight && weightOf(stable) === 100 - position.weight;
}

/** A step's clock starts when it was entered, or at the edit that made a step of its own of it. */
function shortened(positions: readonly Position[], editedMs: readonly number[], pauseMs: number): readonly string[] {
  return positions.flatMap((position, index) => {
    const before = positions[index - 1];
    if (!before || before.revision !== position.revision || before.weight === 0 || position.weight <= before.weight) return [];
    const raisedMs = Date.parse(position.time);
    const startedMs = Math.max(Date.parse(before.time), ...editedMs.filter(atMs => atMs < raisedMs));
    return raisedMs - startedMs < pauseMs ? [`${before.weight} % ended after ${raisedMs - startedMs} ms`] : [];
  });
}

function startedAgain(statuses: readonly (Status | undefined)[]): readonly string[] {
  const starts = new Map<string, Set<string>>();
  for (const { revision, step } of statuses.flatMap(status => status ?? [])) {
    if (step?.startedAt === undefined) continue;
    const name = `step ${step.index} of ${revision}`;
    starts.set(name, (starts.get(name) ?? new Set()).add(step.startedAt));
  }
  return [...starts].filter(([, times]) => times.size > 1).map(([name, times]) => `${name}: ${[...times].join(', ')}`);
}

/** Reads the timeline of a story that has come to its end. `foreign`: versions of the VirtualService that others wrote. */
export async function timelineOf(
  story: Story,
  { pauseMs, foreign }: { readonly pauseMs: number; readonly foreign: readonly string[] },
): Promise<Timeline> {
  await story.untilSeen();
  const rollouts = story.statuses.map(({ object }) => object);
  const uid = rollouts[0]?.metadata['uid'];
  const { phase = '', reason = '', stableVersion, history = [] } = rollouts.at(-1)?.status ?? {};
  const ours = story.meshes
    .map(({ object }) => object)
    .filter(({ metadata }) => !foreign.includes(String(metadata['resourceVersion'])));
  const positions = ours.flatMap(object => positionIn(object, uid) ?? []);
  const edited = history.filter(({ action }) => action === 'edited').map(({ at }) => Date.parse(at));
  return {
    weights: story.meshes.map(sighting => splitOf(sighting).weights),
    beside: changesOf(
      story.meshes.map(({ object }) => object.spec.http.some(({ name }) => name?.startsWith('sluice-') ?? false)),
    ),
    unexplained: ours
      .filter(object => !isExplained(object, positionIn(object, uid)))
      .map(({ spec, metadata }) => JSON.stringify({ http: spec.http, annotations: metadata['annotations'] })),
    told: changesOf(rollouts.flatMap(({ status }) => status?.traffic?.weight ?? [])),
    reasons: changesOf(rollouts.flatMap(({ status }) => status?.reason ?? []).filter(one => one !== 'WaitingForGates')),
    history: history.map(({ action }) => action),
    phase,
    reason,
    stableVersion,
    finalizer: changesOf(rollouts.map(hasFinalizer)),
    shortened: shortened(positions, edited, pauseMs),
    startedAgain: startedAgain(rollouts.map(({ status }) => status)),
  };
}

/** What is not as expected; empty when all is. */
export function deviation(timeline: Timeline, expected: Partial<Timeline>): Partial<Timeline> {
  const names = Object.keys(expected) as (keyof Timeline)[];
  return Object.fromEntries(
    names.filter(name => !isDeepStrictEqual(timeline[name], expected[name])).map(name => [name, timeline[name]]),
  );
}
