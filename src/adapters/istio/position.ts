import { type Position, REASONS, type Reason } from '../../rollout/index.ts';
import { remembered } from '../../rollout/remembered.ts';
import { annotationOf, type Fields, fieldsOf, isFields, listOf, type MeshObject } from './resource.ts';

/** A JSON object, keyed by the uid of the Rollout (R3). */
export const POSITION_ANNOTATION = 'sluice.dev/position';

/** How many versions an entry remembers; older ones have long been at weight 0. */
const REMEMBERED_VERSIONS = 10;

/** Entries of all Rollouts; a broken annotation has none. */
const entriesOf = remembered((object: MeshObject): Fields => {
  const text = annotationOf(object, POSITION_ANNOTATION);
  if (text === undefined) return {};
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
});

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isReason = (value: unknown): value is Reason => isText(value) && Object.hasOwn(REASONS, value);

/** A reason that another release wrote is for people only: the entry counts all the same. */
const reasonOf = (value: unknown, state: Position['state']): Reason => {
  if (isReason(value)) return value;
  return state === 'raised' ? 'StepEntered' : state === 'safe' ? 'RolledBack' : 'Promoted';
};

/** Our own entry; `undefined` when it is absent or broken, which the core treats alike. Never throws. */
export function positionOf(object: MeshObject, uid: string): Position | undefined {
  const entries = entriesOf(object);
  const entry = Object.hasOwn(entries, uid) ? entries[uid] : undefined;
  if (!isFields(entry)) return undefined;
  const { seq, revision, plan, step, weight, routes, state, reason, time, epoch } = entry;
  if (!isNumber(seq) || !isNumber(step) || !isNumber(weight)) return undefined;
  if (!isText(revision) || !isText(plan) || !isText(time)) return undefined;
  if (state !== 'raised' && state !== 'safe' && state !== 'done') return undefined;
  const beside = isText(routes) ? { routes } : {};
  const at = { seq, revision, plan, step, time, epoch: isNumber(epoch) ? epoch : 0 };
  return { ...at, weight, ...beside, state, reason: reasonOf(reason, state) };
}

/** What a Rollout has added to the object beside weights, as it knows it again. */
export type OwnRecord = {
  /** Name of the Rollout. */
  readonly rollout: string;
  /** Names of http routes. */
  readonly http: readonly string[];
  /** Subset to which a mirror entry in the steered routes leads. */
  readonly mirror?: string;
  /** Name of the cookie that the steered routes set. */
  readonly cookie?: string;
  /** Digest of all of it. */
  readonly written: string;
};

function readRecord(entry: unknown): OwnRecord | undefined {
  const { rollout, http, mirror, cookie, written } = fieldsOf(fieldsOf(entry)['own']);
  if (!isText(rollout) || !isText(written)) return undefined;
  return {
    rollout,
    http: listOf(http).filter(isText),
    ...(isText(mirror) ? { mirror } : {}),
    ...(isText(cookie) ? { cookie } : {}),
    written,
  };
}

/** What this Rollout has added, as it recorded it. */
export const recordOf = (object: MeshObject, uid: string): OwnRecord | undefined => {
  const entries = entriesOf(object);
  return Object.hasOwn(entries, uid) ? readRecord(entries[uid]) : undefined;
};

/** What others have added. */
export const otherRecordsOf = (object: MeshObject, uid: string): readonly OwnRecord[] =>
  Object.entries(entriesOf(object)).flatMap(([other, entry]) => (other === uid ? [] : (readRecord(entry) ?? [])));

/** Versions to which this Rollout has routed in this object; they are not foreign to it (R28). Newest last. */
export function versionsRoutedBy(object: MeshObject, uid: string): readonly string[] {
  const entries = entriesOf(object);
  return listOf(Object.hasOwn(entries, uid) ? fieldsOf(entries[uid])['versions'] : undefined).filter(isText);
}

const subsetsIn = (entry: unknown): readonly (readonly [subset: string, version: string])[] =>
  Object.entries(fieldsOf(fieldsOf(entry)['subsets'])).filter((pair): pair is [string, string] => isText(pair[1]));

/** Versions by the subset that a steered route of this Rollout names for them, where the names differ, as it recorded it. */
export function subsetsRecordedBy(object: MeshObject, uid: string): Readonly<Record<string, string>> | undefined {
  const entries = entriesOf(object);
  const recorded = Object.hasOwn(entries, uid) ? subsetsIn(entries[uid]) : [];
  return recorded.length === 0 ? undefined : Object.fromEntries(recorded);
}

/** Names of subsets that any Rollout has recorded for the version; theirs may be of another host. */
export const subsetsRecordedFor = (object: MeshObject, version: string): readonly string[] =>
  Object.values(entriesOf(object)).flatMap(entry => subsetsIn(entry).flatMap(([name, of]) => (of === version ? [name] : [])));

/** The annotation's next value: our entry is replaced, those of other Rollouts stay. */
export function writePosition(
  object: MeshObject,
  uid: string,
  entry: Position & {
    readonly versions: readonly string[];
    readonly subsets?: Readonly<Record<string, string>> | undefined;
    readonly own?: OwnRecord | undefined;
  },
): string {
  const current = new Set(entry.versions);
  const earlier = versionsRoutedBy(object, uid).filter(version => !current.has(version));
  const versions = [...earlier, ...current].slice(-REMEMBERED_VERSIONS);
  return JSON.stringify({ ...entriesOf(object), [uid]: { ...entry, versions } });
}

/** The annotation's next value without our entry; `undefined` when nobody has one then. */
export function withoutPosition(object: MeshObject, uid: string): string | undefined {
  const { [uid]: _ours, ...others } = entriesOf(object);
  return Object.keys(others).length === 0 ? undefined : JSON.stringify(others);
}
