import { byName } from '../byName.ts';
import { isoMillis } from '../duration.ts';
import type { Installation, SteeredObject } from '../observation.ts';
import type { RolloutStatus } from '../status.ts';

const WINDOW_MS = 300_000;
/** So often within five minutes others may change weights before it is given up (R26). */
export const MOST_IN_WINDOW = 5;

/** Those of the moments that lie within the last five minutes. */
export const recent = (times: readonly string[] | undefined, nowMs: number): readonly string[] =>
  (times ?? []).filter(time => nowMs - Date.parse(time) < WINDOW_MS);

/**
 * Notes in a caught-up status what the mesh tells of writes that were not stored yet: weights that were put down, and
 * re-applied files that were undone. Each counts once, by its number; also those of which a crash left only the position.
 */
export const withDriftCounted = (
  stored: RolloutStatus,
  status: RolloutStatus,
  objects: readonly SteeredObject[],
  nowMs: number,
): RolloutStatus => {
  const writes = (status.seq ?? 0) - (stored.seq ?? 0);
  if (writes <= 0) return status;
  const position = objects.find(object => object.position?.seq === status.seq)?.position;
  const isDown = position?.reason === 'DriftPutDown' || (position?.reason === 'PodsLost' && isSameLoss(stored, position.time));
  if (!isDown && position?.reason !== 'DriftRestored') return status;
  const list = isDown ? 'times' : 'restored';
  return noted(status, list, Array<string>(writes).fill(isoMillis(nowMs)), nowMs);
};

/** What stands at weight 0 after the loss of its pods and is put down to it once more keeps the time of the loss. */
const isSameLoss = ({ step }: RolloutStatus, time: string): boolean => step?.lowReadySince === time;

export const noted = (
  status: RolloutStatus,
  list: 'times' | 'restored',
  moments: readonly string[],
  nowMs: number,
): RolloutStatus => {
  const kept = [...recent(status.drift?.[list], nowMs), ...moments].slice(-MOST_IN_WINDOW - 1);
  return { ...status, drift: { ...status.drift, [list]: kept } };
};

const AND = ' and ';

/** The field managers that wrote these objects last, for people. */
export const writersOf = (objects: readonly Pick<SteeredObject, 'manager'>[]): string | undefined => {
  const names = [...new Set(objects.flatMap(({ manager }) => (manager === undefined ? [] : [manager])))].sort();
  return names.length === 0 ? undefined : names.join(AND);
};

export const nameOf = (writers: string | undefined): string => writers ?? 'somebody';

/** Was every one of these objects written by a tool that applies its file for ever? */
export const isReapplied = (objects: readonly SteeredObject[], { restore = [] }: Installation): boolean =>
  objects.length > 0 && objects.every(({ manager }) => manager !== undefined && restore.includes(manager));

const ADVICE: Readonly<Record<string, string>> = {
  'argocd-controller':
    'let Argo CD leave /spec/http of this VirtualService alone: ignoreDifferences in the Application, with the sync option RespectIgnoreDifferences=true',
  'kustomize-controller':
    'let Flux leave this VirtualService alone once it is there: annotation kustomize.toolkit.fluxcd.io/ssa: IfNotPresent in its file',
  'helm-controller': 'take the weights out of the chart, and /spec/http of this VirtualService out of its drift detection',
};

/** What keeps a tool from taking away a subset that we added. */
export const SUBSET_ADVICE =
  'a tool that applies the DestinationRule has to have that subset in its file, or to leave /spec/subsets alone';

/** What makes those of the field managers that are known tools leave the weights alone, as the end of a sentence. */
export const adviceFor = (writers: string | undefined, { restore = [] }: Installation): string => {
  const known = (writers?.split(AND) ?? []).filter(manager => restore.includes(manager));
  const advice = known.map(manager => byName(ADVICE, manager) ?? `let ${manager} leave /spec/http of this VirtualService alone`);
  return advice.map(text => `; ${text}`).join('');
};
