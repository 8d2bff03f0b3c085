import { z } from 'zod';
import { type Complaint, complaintsOf } from '../../config/yaml/complaints.ts';
import { readYaml } from '../../config/yaml/document.ts';
import { fields, named, text } from '../../config/yaml/fields.ts';
import { formatPath } from '../../config/yaml/path.ts';
import type { GateSpec, RolloutSpec } from '../../rollout/index.ts';
import { eventSchema, type SpecChange } from './events.ts';
import { milliseconds, pods, rate, weights, words } from './fields.ts';

/** What the schemas of a Rollout's spec are; they belong to another place of the program. */
export type SpecSchemas = {
  readonly spec: z.ZodType<RolloutSpec>;
  /** Some of its fields, as a commit changes them. */
  readonly change: z.ZodType<SpecChange>;
};

const worldSchema = (change: SpecSchemas['change']) =>
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
    gateTemplates: gateTemplates(change).optional().describe('Gates of the installation that a Rollout can refer to by name.'),
    webhookGates: words('a URL').optional().describe('URLs that webhook gates may call.'),
    restore: words('a field manager').optional().describe('Field managers whose changes are restored.'),
    authors: words('a name').optional().describe('Who wrote the commits.'),
  });

/** Read as the gates of a Rollout are; a template refers to no template. */
const gateTemplates = (change: SpecSchemas['change']) =>
  named(z.unknown()).transform((written, context): Readonly<Record<string, GateSpec>> => {
    const templates: Record<string, GateSpec> = {};
    for (const [name, item] of Object.entries(written)) {
      const read = change.safeParse({ analysis: { gates: [item] } });
      const gate = read.data?.analysis?.gates?.[0];
      for (const { path, message } of read.error?.issues ?? [])
        context.addIssue({ code: 'custom', path: [name, ...path.slice(3)], message });
      if (gate?.template !== undefined)
        context.addIssue({ code: 'custom', path: [name, 'template'], message: 'expected prometheus, zipkin or webhook' });
      else if (gate !== undefined) templates[name] = gate;
    }
    return templates;
  });

const scenarioSchema = ({ spec, change }: SpecSchemas) =>
  fields({
    about: text(300, 'a sentence that says what happens').optional(),
    rules: z
      .array(z.string().regex(/^R\d{1,2}$/, { error: 'expected rules such as R9' }), { error: 'expected a list of rules' })
      .default([]),
    rollout: spec.optional(),
    world: worldSchema(change).optional(),
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
