import { type Position, REASONS, type Reason } from '../../rollout/index.ts';
import { annotationOf, type Fields, fieldsOf, isFields, listOf, type MeshObject } from './resource.ts';

/** A JSON object, keyed by the uid of the Rollout (R3). */
export const POSITION_ANNOTATION = 'sluice.dev/position';

/** How many versions an entry remembers; older ones have long been at weight 0. */
const REMEMBERED_VERSIONS = 10;

/** Entries of all Rollouts; a broken annotation has none. */
function entriesOf(object: MeshObject): Fields {
  const text = annotationOf(object, POSITION_ANNOTATION);
  if (text === undefined) return {};
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
}

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
  const { seq, revision, plan, step, weight, state, reason, time, epoch } = entry;
  if (!isNumber(seq) || !isNumber(step) || !isNumber(weight)) return undefined;
  if (!isText(revision) || !isText(plan) || !isText(time)) return undefined;
  if (state !== 'raised' && state !== 'safe' && state !== 'done') return undefined;
  return { seq, revision, plan, step, weight, state, reason: reasonOf(reason, state), time, epoch: isNumber(epoch) ? epoch : 0 };
}

/** Versions to which this Rollout has routed in this object; they are not foreign to it (R28). Newest last. */
export function versionsRoutedBy(object: MeshObject, uid: string): readonly string[] {
  const entries = entriesOf(object);
  return listOf(Object.hasOwn(entries, uid) ? fieldsOf(entries[uid])['versions'] : undefined).filter(isText);
}

/** The annotation's next value: our entry is replaced, those of other Rollouts stay. */
export function writePosition(
  object: MeshObject,
  uid: string,
  entry: Position & { readonly versions: readonly string[] },
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
