import { isDeepStrictEqual } from 'node:util';
import { type RolloutObject, type Story, splitOf, type VirtualService } from './story.ts';

/** What one rollout from v1 to v2 leaves behind, as far as it must not depend on where its controller was killed. */
export interface Timeline {
  /** Weights of the steered route, one for each state of the VirtualService. */
  readonly weights: readonly string[];
  /** Weights of v2 that did not come with a position of this Rollout that says the same. */
  readonly unexplained: readonly string[];
  /** Weights that the status told of, one for each change. */
  readonly told: readonly number[];
  /** Reasons that the status gave, one for each change; how long gates take to see enough is left to chance. */
  readonly reasons: readonly string[];
  readonly history: readonly string[];
  readonly phase: string;
  readonly stableVersion: string | undefined;
  /** Whether the Rollout had a finalizer, one for each change. */
  readonly finalizer: readonly boolean[];
  /** Whether 50 % lasted shorter than its pause, from decision to decision. */
  readonly isShortened: boolean;
}

const changesOf = <T>(values: readonly T[]): readonly T[] =>
  values.filter((value, index) => index === 0 || value !== values[index - 1]);

export const hasFinalizer = ({ metadata }: RolloutObject): boolean =>
  ((metadata['finalizers'] as readonly string[] | undefined) ?? []).length > 0;

type Positions = Readonly<Record<string, { readonly weight: number }>>;

function unexplained({ metadata, spec }: VirtualService, uid: unknown): readonly string[] {
  const { weight = 0 } = spec.http[0]?.route.find(({ destination }) => destination.subset === 'v2') ?? {};
  if (weight === 0) return [];
  const { annotations } = metadata as { readonly annotations?: Readonly<Record<string, string>> };
  const text = annotations?.['sluice.dev/position'] ?? '{}';
  const position = Object.entries(JSON.parse(text) as Positions).find(([key]) => key === uid)?.[1];
  return position?.weight === weight ? [] : [`${weight} % with ${text}`];
}

function isShortened(story: Story, pauseMs: number): boolean {
  const [, half, next] = story.splits();
  return half !== undefined && next?.weights === 'v2:100' && next.decidedAtMs - half.decidedAtMs < pauseMs;
}

/** Reads the timeline of a story that has come to its end. */
export async function timelineOf(story: Story, pauseMs: number): Promise<Timeline> {
  const rollouts = story.statuses.map(({ object }) => object);
  const virtualServices = story.meshes.map(({ object }) => object);
  const uid = rollouts[0]?.metadata['uid'];
  const { phase = '', stableVersion, history = [] } = (await story.status()) ?? {};
  return {
    weights: story.meshes.map(sighting => splitOf(sighting).weights),
    unexplained: virtualServices.flatMap(object => unexplained(object, uid)),
    told: changesOf(rollouts.flatMap(({ status }) => status?.traffic?.weight ?? [])),
    reasons: changesOf(rollouts.flatMap(({ status }) => status?.reason ?? []).filter(reason => reason !== 'WaitingForGates')),
    history: history.map(({ action }) => action),
    phase,
    stableVersion,
    finalizer: changesOf(rollouts.map(hasFinalizer)),
    isShortened: isShortened(story, pauseMs),
  };
}

/** What is not as expected; empty when all is. */
export function deviation(timeline: Timeline, expected: Timeline): Partial<Timeline> {
  const names = Object.keys(expected) as (keyof Timeline)[];
  return Object.fromEntries(
    names.filter(name => !isDeepStrictEqual(timeline[name], expected[name])).map(name => [name, timeline[name]]),
  );
}
