import { z } from 'zod';

/** A schema as `CustomResourceDefinition` wants it. */
export type StructuralSchema = { readonly [keyword: string]: unknown };

/** Keywords that a structural schema may have and that need no change. */
const KEPT = new Set([
  'type',
  'description',
  'required',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
]);

/** Bounds that only say "fits into a double". */
const isNoBound = (value: unknown): boolean => value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER;

/**
 * The zod schema as a structural schema: inlined, without keywords that the API server refuses. Strict objects become
 * objects whose unknown fields are pruned (kubectl's validation reports them), open ones keep unknown fields, and in maps
 * the values have their schema.
 * Throws an Error that names a keyword for which there is no counterpart.
 */
export const toStructural = (schema: z.ZodType): StructuralSchema =>
  cleaned(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' }), '');

function cleaned(value: object, path: string): StructuralSchema {
  const result: Record<string, unknown> = {};
  for (const [keyword, content] of Object.entries(value)) {
    if (KEPT.has(keyword)) {
      if (!isNoBound(content)) result[keyword] = content;
    } else if (keyword === 'properties') {
      result['properties'] = Object.fromEntries(
        Object.entries(content).map(([name, property]) => [name, cleaned(asObject(property), `${path}.${name}`)]),
      );
    } else if (keyword === 'items') {
      result['items'] = cleaned(asObject(content), `${path}[]`);
    } else if (keyword === 'additionalProperties') {
      if (isTyped(content)) result['additionalProperties'] = cleaned(content, `${path}.*`);
      else if (content !== false) result['x-kubernetes-preserve-unknown-fields'] = true;
    } else {
      throw new Error(`making the structural schema: ${path || 'the root'} has the keyword ${keyword}, which has no counterpart`);
    }
  }
  return result;
}

const isTyped = (content: unknown): content is object => typeof content === 'object' && content !== null && 'type' in content;

function asObject(value: unknown): object {
  if (typeof value === 'object' && value !== null) return value;
  throw new Error(`making the structural schema: expected a schema, got ${typeof value}`);
}
