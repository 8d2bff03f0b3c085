import { ruleHolds } from './cel.ts';
import { isObject, type Json, type JsonObject, listOf, numberOf, objectOf, stringOf } from './json.ts';
import type { FieldError } from './status.ts';

const member = (path: string, key: string) => (path ? `${path}.${key}` : key);
const shown = (value: Json) => JSON.stringify(value);

const wrong = (path: string, value: string, rest: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field: path,
  message: `Invalid value: ${value}: ${path} in body ${rest}`,
});

const typeOf = (value: Json): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
};

function typeErrors(schema: JsonObject, value: Json, path: string): FieldError[] {
  const actual = typeOf(value);
  if (schema['x-kubernetes-int-or-string'] === true) {
    return actual === 'integer' || actual === 'string'
      ? []
      : [wrong(path, `"${actual}"`, `must be of type integer or string: "${actual}"`)];
  }
  const wanted = stringOf(schema['type']);
  if (!wanted || wanted === actual || (wanted === 'number' && actual === 'integer')) return [];
  const { field, message } = wrong(path, `"${actual}"`, `must be of type ${wanted}: "${actual}"`);
  return [{ reason: 'FieldValueTypeInvalid', field, message }];
}

function enumErrors(schema: JsonObject, value: Json, path: string): FieldError[] {
  const allowed = listOf(schema['enum']);
  if (allowed.length === 0 || allowed.some(item => item === value)) return [];
  const message = `Unsupported value: ${shown(value)}: supported values: ${allowed.map(shown).join(', ')}`;
  return [{ reason: 'FieldValueNotSupported', field: path, message }];
}

function numberErrors(schema: JsonObject, value: number, path: string): FieldError[] {
  const minimum = numberOf(schema['minimum']);
  const maximum = numberOf(schema['maximum']);
  const multiple = numberOf(schema['multipleOf']);
  const low = minimum !== undefined && (schema['exclusiveMinimum'] === true ? value <= minimum : value < minimum);
  const high = maximum !== undefined && (schema['exclusiveMaximum'] === true ? value >= maximum : value > maximum);
  const than = (exclusive: Json | undefined, word: string) => (exclusive === true ? `${word} than` : `${word} than or equal to`);
  if (low) return [wrong(path, shown(value), `should be ${than(schema['exclusiveMinimum'], 'greater')} ${minimum}`)];
  if (high) return [wrong(path, shown(value), `should be ${than(schema['exclusiveMaximum'], 'less')} ${maximum}`)];
  if (multiple !== undefined && value % multiple !== 0) return [wrong(path, shown(value), `should be a multiple of ${multiple}`)];
  return [];
}

function stringErrors(schema: JsonObject, value: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const pattern = stringOf(schema['pattern']);
  const shortest = numberOf(schema['minLength']) ?? 0;
  const longest = numberOf(schema['maxLength']) ?? Number.POSITIVE_INFINITY;
  const length = [...value].length;
  if (length < shortest) errors.push(wrong(path, shown(value), `should be at least ${shortest} chars long`));
  if (length > longest)
    errors.push({ reason: 'FieldValueTooLong', field: path, message: `Too long: may not be more than ${longest} bytes` });
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    errors.push(wrong(path, shown(value), `should match '${pattern}'`));
  if (schema['format'] === 'date-time' && Number.isNaN(Date.parse(value))) {
    errors.push(wrong(path, shown(value), `must be of type date-time: ${shown(value)}`));
  }
  return errors;
}

function listErrors(schema: JsonObject, value: readonly Json[], path: string): FieldError[] {
  const fewest = numberOf(schema['minItems']) ?? 0;
  const most = numberOf(schema['maxItems']) ?? Number.POSITIVE_INFINITY;
  if (value.length < fewest) return [wrong(path, String(value.length), `should have at least ${fewest} items`)];
  if (value.length > most) {
    return [{ reason: 'FieldValueTooMany', field: path, message: `Too many: ${value.length}: must have at most ${most} items` }];
  }
  return value.flatMap((item, index) => validate(objectOf(schema['items']), item, `${path}[${index}]`));
}

function objectErrors(schema: JsonObject, value: JsonObject, path: string): FieldError[] {
  const properties = objectOf(schema['properties']);
  const additional = schema['additionalProperties'];
  const missing = listOf(schema['required'])
    .filter((key): key is string => typeof key === 'string' && value[key] === undefined)
    .map((key): FieldError => ({ reason: 'FieldValueRequired', field: member(path, key), message: 'Required value' }));
  const nested = Object.entries(value).flatMap(([key, item]) => {
    const inner = isObject(properties[key]) ? properties[key] : isObject(additional) ? additional : undefined;
    return inner && item !== undefined ? validate(inner, item, member(path, key)) : [];
  });
  const count = Object.keys(value).length;
  const fewest = numberOf(schema['minProperties']) ?? 0;
  const most = numberOf(schema['maxProperties']) ?? Number.POSITIVE_INFINITY;
  const size = count < fewest ? [wrong(path, shown(value), `should have at least ${fewest} properties`)] : [];
  const many = count > most ? [wrong(path, shown(value), `should have at most ${most} properties`)] : [];
  return [...missing, ...nested, ...size, ...many];
}

function junctionErrors(schema: JsonObject, value: Json, path: string): FieldError[] {
  const passing = (key: string) =>
    listOf(schema[key]).filter(inner => validate(objectOf(inner), value, path).length === 0).length;
  const errors: FieldError[] = [];
  const refuse = (rest: string) => errors.push(wrong(path || '<nil>', shown(value), rest));
  if (listOf(schema['oneOf']).length > 0 && passing('oneOf') !== 1) refuse('must validate one and only one schema (oneOf)');
  if (listOf(schema['anyOf']).length > 0 && passing('anyOf') === 0) refuse('must validate at least one schema (anyOf)');
  if (isObject(schema['not']) && validate(schema['not'], value, path).length === 0) refuse('must not validate the schema (not)');
  return [...listOf(schema['allOf']).flatMap(inner => validate(objectOf(inner), value, path)), ...errors];
}

/** The errors of `x-kubernetes-validations` in a value that is otherwise valid. */
function ruleErrors(schema: JsonObject, value: Json, path: string): FieldError[] {
  const own = listOf(schema['x-kubernetes-validations'])
    .map(objectOf)
    .filter(rule => !ruleHolds(stringOf(rule['rule']) ?? 'true', value))
    .map((rule): FieldError => {
      const field = `${path}${stringOf(rule['fieldPath']) ?? ''}`.replace(/^\./, '') || '<nil>';
      const message = stringOf(rule['message']) ?? `failed rule: ${stringOf(rule['rule'])}`;
      return { reason: 'FieldValueInvalid', field, message: `Invalid value: "${typeOf(value)}": ${message}` };
    });
  const members = Array.isArray(value)
    ? value.map((item, index) => ({ inner: schema['items'], item, at: `${path}[${index}]` }))
    : Object.entries(objectOf(value)).map(([key, item]) => ({
        inner: objectOf(schema['properties'])[key] ?? schema['additionalProperties'],
        item: item ?? null,
        at: member(path, key),
      }));
  return [...own, ...members.flatMap(({ inner, item, at }) => (isObject(inner) ? ruleErrors(inner, item, at) : []))];
}

/** The errors of an object under its structural schema, worded as the API server words them; rules are asked once all else is right. */
export function validateObject(schema: JsonObject, object: JsonObject): FieldError[] {
  const errors = validate(schema, object, '');
  return errors.length > 0 ? errors : ruleErrors(schema, object, '');
}

function validate(schema: JsonObject, value: Json, path: string): FieldError[] {
  if (value === null && schema['nullable'] === true) return [];
  const types = typeErrors(schema, value, path);
  if (types.length > 0) return types;
  const errors = [...enumErrors(schema, value, path), ...junctionErrors(schema, value, path)];
  if (typeof value === 'number') return [...errors, ...numberErrors(schema, value, path)];
  if (typeof value === 'string') return [...errors, ...stringErrors(schema, value, path)];
  if (Array.isArray(value)) return [...errors, ...listErrors(schema, value, path)];
  return isObject(value) ? [...errors, ...objectErrors(schema, value, path)] : errors;
}

const ALWAYS_KNOWN = new Set(['apiVersion', 'kind', 'metadata']);

/** A copy without the fields that the schema does not know, and their paths. */
export function prune(schema: JsonObject, value: Json, path = ''): { readonly value: Json; readonly unknown: readonly string[] } {
  const unknown: string[] = [];
  if (Array.isArray(value)) {
    const items = value.map((item, index) => prune(objectOf(schema['items']), item, `${path}[${index}]`));
    return { value: items.map(item => item.value), unknown: items.flatMap(item => item.unknown) };
  }
  if (!isObject(value) || schema['x-kubernetes-embedded-resource'] === true) return { value, unknown };
  const out: JsonObject = {};
  const properties = objectOf(schema['properties']);
  const additional = schema['additionalProperties'];
  for (const [key, item] of Object.entries(value)) {
    const inner = isObject(properties[key]) ? properties[key] : isObject(additional) ? additional : undefined;
    if (item === undefined) continue;
    if (path === '' && ALWAYS_KNOWN.has(key)) out[key] = item;
    else if (inner) {
      const pruned = prune(inner, item, member(path, key));
      out[key] = pruned.value;
      unknown.push(...pruned.unknown);
    } else if (additional === true || schema['x-kubernetes-preserve-unknown-fields'] === true) out[key] = item;
    else unknown.push(member(path, key));
  }
  return { value: out, unknown };
}

/** A copy with the schema's defaults for members that are absent. */
export function applyDefaults(schema: JsonObject, value: Json): Json {
  if (Array.isArray(value)) return value.map(item => applyDefaults(objectOf(schema['items']), item));
  if (!isObject(value)) return value;
  const out: JsonObject = { ...value };
  for (const [key, inner] of Object.entries(objectOf(schema['properties']))) {
    const fallback = objectOf(inner)['default'];
    if (out[key] === undefined && fallback !== undefined) out[key] = structuredClone(fallback);
    const present = out[key];
    if (present !== undefined) out[key] = applyDefaults(objectOf(inner), present);
  }
  if (isObject(schema['additionalProperties'])) {
    for (const [key, item] of Object.entries(out))
      if (item !== undefined) out[key] = applyDefaults(schema['additionalProperties'], item);
  }
  return out;
}
