import { z } from 'zod';
import { type Complaint, complaintsOf } from '../../config/yaml/complaints.ts';
import { readYaml } from '../../config/yaml/document.ts';
import { fields, named, oneOf, text } from '../../config/yaml/fields.ts';
import { formatPath } from '../../config/yaml/path.ts';
import type { RolloutSpec } from '../../rollout/index.ts';
import { eventSchema, type SpecChange } from './events.ts';
import { milliseconds, pods, rate, weights, words } from './fields.ts';

/** What the schemas of a Rollout's spec are; they belong to another place of the program. */
export type SpecSchemas = {
  readonly spec: z.ZodType<RolloutSpec>;
  /** Some of its fields, as a commit changes them. */
  readonly change: z.ZodType<SpecChange>;
};

const worldSchema = () =>
  fields({
    startsAt: z.iso
      .datetime({ error: 'expected a moment such as 2026-11-21T14:00:00Z' })
      .transform(written => Date.parse(written))
      .optional()
      .describe('What the clock shows at the beginning.'),
    objects: named(weights()).optional().describe('Routing objects with their weights, in the order in which they are raised.'),
    subsets: words('the name of a version').optional().describe('Versions that the DestinationRule has a subset for.'),
    pods: named(pods()).optional().describe('Pods by version.'),
    traffic: rate().optional().describe('Requests per second to the host.'),
    prometheus: words('the name of a provider').optional().describe('Prometheus providers of the installation.'),
    zipkin: words('the name of a provider').optional().describe('Zipkin providers of the installation.'),
    webhookGates: words('a URL').optional().describe('URLs that webhook gates may call.'),
    restore: words('a field manager').optional().describe('Field managers whose changes are restored.'),
    authors: words('a name').optional().describe('Who wrote the commits.'),
    routes: z
      .array(oneOf(['header', 'mirror']))
      .optional()
      .describe('What the router can do besides weights.'),
  });

const scenarioSchema = ({ spec, change }: SpecSchemas) =>
  fields({
    about: text(300, 'a sentence that says what happens'),
    rules: z.array(z.string().regex(/^R\d{1,2}$/, { error: 'expected rules such as R9' }), { error: 'expected a list of rules' }),
    rollout: spec.optional(),
    world: worldSchema().optional(),
    events: z.array(eventSchema(change), { error: 'expected a list of events' }).max(500).optional(),
    for: milliseconds(),
    timeline: z.string({ error: 'expected the golden text' }).optional(),
  });

export type Scenario = z.output<ReturnType<typeof scenarioSchema>>;

/** A line for people: `file:line:column: path: message (suggestion)`. */
export type ScenarioProblem = string;

/** Reads a scenario file; never throws. All problems are told at once. */
export const readScenario = (
  written: string,
  file: string,
  schemas: SpecSchemas,
): { readonly scenario: Scenario } | { readonly problems: readonly ScenarioProblem[] } => {
  const { documents, problems } = readYaml(written);
  if (problems.length > 0) {
    return { problems: problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`) };
  }
  const [document, ...more] = documents;
  if (document === undefined || more.length > 0) {
    return { problems: [`${file}:1:1: has ${documents.length} documents, expected one scenario`] };
  }
  const schema = scenarioSchema(schemas);
  const result = schema.safeParse(document.value);
  if (result.success) return { scenario: result.data };
  const say = ({ path, message, suggestion, part }: Complaint): ScenarioProblem => {
    const { line, column } = document.locate(path, part);
    const where = path.length === 0 ? '' : `${formatPath(path)}: `;
    return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
  };
  return { problems: complaintsOf(schema, document.value, result.error).map(say) };
};

/** The text of a scenario file with another golden timeline, which stands last. */
export const withTimeline = (written: string, timeline: string): string => {
  const [before = ''] = written.split(/^timeline:/m);
  const block = timeline
    .split('\n')
    .map(line => (line === '' ? '' : `  ${line}`))
    .join('\n');
  return `${before.trimEnd()}\ntimeline: |\n${block}`;
};
