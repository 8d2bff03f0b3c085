import { z } from 'zod';
import { type Complaint, complaintsOf } from '../../config/yaml/complaints.ts';
import { type Place, readYaml, type YamlDocument } from '../../config/yaml/document.ts';
import { fields } from '../../config/yaml/fields.ts';
import { nearest } from '../../config/yaml/nearest.ts';
import { formatPath, parsePath } from '../../config/yaml/path.ts';
import type { RolloutManifest } from '../../controller/source-ports.ts';
import type { RolloutSpec } from '../../rollout/index.ts';
import { rolloutSpecSchema } from './schema.ts';

const GROUP = 'sluice.dev';
const API_VERSION = 'sluice.dev/v1alpha1';

/** Something in a file that has to be mended before it can be used. */
export type Problem = Place & {
  readonly file: string;
  /** `spec.strategy.canary.steps[0].setWeight`; empty: the document. */
  readonly path: string;
  readonly message: string;
  readonly suggestion?: string;
};

/** One Rollout of a file that the schema accepts; its own position is the start of the document. */
export type ParsedRollout = RolloutManifest &
  Place & {
    readonly file: string;
    readonly spec: RolloutSpec;
    /** Where the value of a path such as `spec.version` stands. */
    readonly locate: (path: string) => Place;
  };

export type ParsedFile = {
  readonly rollouts: readonly ParsedRollout[];
  readonly problems: readonly Problem[];
  /** Documents that are meant as Rollouts, also those with problems. */
  readonly found: number;
  /** Documents of other kinds. */
  readonly ignored: number;
};

const textMap = () => z.record(z.string(), z.string({ error: 'expected a text' }), { error: 'expected fields' }).nullish();
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const nameSchema = z
  .string({ error: 'expected the name of the Rollout: lower-case letters, digits, "-" and ".", at most 253' })
  .regex(SUBDOMAIN)
  .max(253);
const namespaceSchema = z
  .string({ error: 'expected a namespace: lower-case letters, digits and "-", at most 63' })
  .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/)
  .max(63);
const anything = () => z.unknown().optional();

const metadataShape = {
  name: nameSchema,
  namespace: namespaceSchema.optional(),
  labels: textMap(),
  annotations: textMap(),
  finalizers: anything(),
  ownerReferences: anything(),
  uid: anything(),
  resourceVersion: anything(),
  generation: anything(),
  creationTimestamp: anything(),
  managedFields: anything(),
};

const documentSchema = (namespaceRequired: boolean) =>
  fields({
    apiVersion: z.literal(API_VERSION, { error: `expected ${API_VERSION}` }),
    kind: z.literal('Rollout', { error: 'expected Rollout' }),
    metadata: fields({ ...metadataShape, ...(namespaceRequired ? { namespace: namespaceSchema } : {}) }),
    spec: rolloutSpecSchema,
    status: anything(),
  });

const SCHEMAS = { optional: documentSchema(false), required: documentSchema(true) };

/**
 * Finds the Rollouts of a YAML text and everything that is wrong with them. Documents of other kinds are counted and
 * otherwise left alone. `namespace: required` is for files that are applied by a Git source. Never throws.
 */
export const parseRollouts = (
  text: string,
  file: string,
  options: { readonly namespace: 'optional' | 'required' } = { namespace: 'optional' },
): ParsedFile => {
  const { documents, problems: syntax } = readYaml(text);
  const problems: Problem[] = syntax.map(({ line, column, message }) => ({ file, line, column, path: '', message }));
  const rollouts: ParsedRollout[] = [];
  let found = 0;
  for (const document of documents) {
    if (!isMeantAsRollout(document.value)) continue;
    found += 1;
    const schema = SCHEMAS[options.namespace];
    const result = schema.safeParse(document.value);
    if (!result.success) {
      for (const complaint of complaintsOf(schema, document.value, result.error))
        problems.push(located(complaint, document, file));
      continue;
    }
    const rollout = toRollout(result.data, document, file);
    const { name, namespace } = rollout.metadata;
    const twin = rollouts.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
    if (twin === undefined) rollouts.push(rollout);
    else {
      const place = document.locate(['metadata', 'name'], 'value');
      problems.push({
        file,
        ...place,
        path: 'metadata.name',
        message: `the Rollout ${name} is already defined in line ${twin.line}`,
      });
    }
  }
  return {
    rollouts,
    problems: problems.sort((a, b) => a.line - b.line || a.column - b.column),
    found,
    ignored: documents.length - found,
  };
};

function toRollout(data: z.output<(typeof SCHEMAS)['optional']>, document: YamlDocument, file: string): ParsedRollout {
  const { name, namespace, labels, annotations } = data.metadata;
  return {
    file,
    ...document.start,
    apiVersion: API_VERSION,
    kind: 'Rollout',
    metadata: { name, namespace, labels: labels ?? undefined, annotations: annotations ?? undefined },
    spec: data.spec,
    locate: path => document.locate(parsePath(path), 'value'),
  };
}

function located(complaint: Complaint, document: YamlDocument, file: string): Problem {
  const { path, message, suggestion, part } = complaint;
  return {
    file,
    ...document.locate(path, part),
    path: formatPath(path),
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

/** Ours, or so nearly ours that somebody must have meant it. */
function isMeantAsRollout(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  if (typeof apiVersion !== 'string') return kind === 'Rollout';
  const group = apiVersion.split('/')[0] ?? '';
  return group === GROUP || (kind === 'Rollout' && nearest(group, [GROUP]) !== undefined);
}
