import type { Routes } from '../../rollout/index.ts';
import type { MeshWrite } from '../mesh.ts';
import type { Moment } from '../timeline.ts';
import type { World } from '../world.ts';

/** One line of a timeline. */
export type Entry =
  | { readonly kind: 'event'; readonly livedMs: number; readonly what: string }
  | {
      readonly kind: 'mesh';
      readonly livedMs: number;
      readonly object: string;
      readonly weights: Readonly<Record<string, number>>;
      /** Header and mirror routes of ours that stand beside the weights. */
      readonly routes?: Routes;
    }
  | ({ readonly kind: 'state' } & Omit<Moment, 'atMs'>)
  | { readonly kind: 'end'; readonly livedMs: number; readonly what: string };

/** Everything that happened, in the order of time; neighbours that say the same are one entry. */
export const narrate = (world: World, told: readonly Entry[]): readonly Entry[] => {
  const states = statesOf(world.timeline);
  const writes = world.meshWrites.map(meshEntry);
  const ordered = [...told, ...states, ...writes].sort((a, b) => a.livedMs - b.livedMs);
  return [...ordered, { kind: 'end', livedMs: world.livedMs, what: endOf(world) }];
};

const statesOf = (timeline: readonly Moment[]): readonly Entry[] =>
  timeline.flatMap((moment, index) => {
    const before = timeline[index - 1];
    if (before !== undefined && placeOf(before) === placeOf(moment)) return [];
    const { atMs: _, ...rest } = moment;
    return [{ kind: 'state' as const, ...rest }];
  });

/** What makes a state another one for the reader of a timeline: not the figures in its message. */
const placeOf = ({ phase, step, steps, weight, reason }: Moment): string => [phase, step, steps, weight, reason].join(' ');

const meshEntry = ({ livedMs, object, versions, routes }: MeshWrite): Entry => ({
  kind: 'mesh',
  livedMs,
  object,
  weights: versions,
  ...(routes === undefined ? {} : { routes }),
});

const endOf = ({ status, isGone, objects, announced }: World): string => {
  const warnings = announced.filter(({ type }) => type === 'Warning').length;
  const mesh = objects.map(({ name, weights }) => `${name} ${shares(weights.versions)}`).join('; ');
  const stable = status?.stableVersion === undefined ? 'no stable version' : `stable ${status.stableVersion}`;
  const phase = isGone ? 'gone' : (status?.phase ?? 'nothing decided');
  return `${phase}, ${stable}; ${mesh || 'no routing object'}; told ${announced.length} times, ${warnings} of them warnings`;
};

const shares = (versions: Readonly<Record<string, number>>): string =>
  Object.entries(versions)
    .map(([version, weight]) => `${version} ${weight}`)
    .join(', ');

const KIND_WIDTH = 16;
const PLACE_WIDTH = 10;
const REASON_WIDTH = 18;

/** The timeline as text, one line for each entry, ending with a line end. */
export const timelineText = (entries: readonly Entry[]): string => entries.map(entry => `${lineOf(entry)}\n`).join('');

const lineOf = (entry: Entry): string => `${clock(entry.livedMs)}  ${tellingOf(entry)}`;

const tellingOf = (entry: Entry): string => {
  if (entry.kind === 'mesh')
    return `${'mesh'.padEnd(KIND_WIDTH)}  ${entry.object}: ${shares(entry.weights)}${beside(entry.routes)}`;
  if (entry.kind !== 'state') return `${entry.kind.padEnd(KIND_WIDTH)}  ${entry.what}`;
  const { phase, step, steps, weight, reason, message } = entry;
  const place = (steps === 0 ? '' : `step ${step}/${steps}`).padEnd(PLACE_WIDTH);
  const share = (steps === 0 ? '' : `${weight}%`).padStart(4);
  return `${phase.padEnd(KIND_WIDTH)}  ${place}  ${share}  ${reason.padEnd(REASON_WIDTH)}  ${message}`;
};

const beside = ({ headerRoutes, mirror, sticky }: Routes = {}): string =>
  `${headerRoutes === undefined ? '' : ', header route'}${mirror === undefined ? '' : `, mirror ${mirror.percentage}%`}${
    sticky === undefined ? '' : `, cookie ${sticky.cookie}`
  }`;

const clock = (ms: number): string => {
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `+${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
};
