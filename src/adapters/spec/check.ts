import type { RenderTemplate } from '../../controller/ports.ts';
import type { RolloutParser } from '../../controller/source-ports.ts';
import {
  type ApprovalSpec,
  checkSpec,
  type Installation,
  type Rollout,
  type RolloutSpec,
  type SpecProblem,
  type WantedGate,
  wantedGates,
} from '../../rollout/index.ts';
import { type ParsedRollout, type Problem, parseRollouts } from './parse.ts';
import { checkPromql } from './promql.ts';

/** What is known about templates elsewhere. */
export type Templates = {
  readonly render: RenderTemplate;
  /** Why the template cannot be used with values of these names; `undefined` when it can. */
  readonly check: (template: string, names: readonly string[]) => string | undefined;
};

export type CheckedProblem = Problem & { readonly severity: 'error' | 'warning' };

export type CheckedFile = {
  readonly file: string;
  /** Rollouts of this file as `namespace/name` or `name`, those that the schema refuses left out. */
  readonly names: readonly string[];
  readonly found: number;
  readonly ignored: number;
  readonly problems: readonly CheckedProblem[];
};

/** Checks one file as far as that is possible without a cluster: schema, meaning, templates, PromQL. */
export type FileChecker = (text: string, file: string) => CheckedFile;

/** Without an installation the names of providers are not checked. */
export const createFileChecker =
  (templates: Templates, installation?: Installation): FileChecker =>
  (text, file) => {
    const parsed = parseRollouts(text, file);
    const problems = [
      ...parsed.problems.map(problem => ({ ...problem, severity: 'error' as const })),
      ...parsed.rollouts.flatMap(rollout => checkRollout(rollout, templates, installation)),
    ];
    return {
      file,
      names: parsed.rollouts.map(({ metadata: { namespace, name } }) =>
        namespace === undefined ? name : `${namespace}/${name}`,
      ),
      found: parsed.found,
      ignored: parsed.ignored,
      problems: problems.sort((a, b) => a.line - b.line || a.column - b.column),
    };
  };

/**
 * Reads the files of a Git source. What contradicts itself or names what this installation does not know is as bad as what
 * the schema refuses: the last good spec stays (R32).
 */
export const createSourceParser =
  (templates: Templates, installation: Installation): RolloutParser =>
  (text, file) => {
    const { rollouts, problems } = parseRollouts(text, file, { namespace: 'required' });
    const found = rollouts.flatMap(rollout => checkRollout(rollout, templates, installation));
    return { rollouts, problems: [...problems, ...found.filter(({ severity }) => severity === 'error')] };
  };

function checkRollout(rollout: ParsedRollout, templates: Templates, installation?: Installation): readonly CheckedProblem[] {
  const { file, locate, spec } = rollout;
  const problems = [...checkSpec(spec, installation), ...checkTemplates(rollout, templates, installation)];
  return problems.map(problem => ({ file, ...locate(problem.path), ...problem }));
}

/** A template, where it stands, and what has to come out of it. */
type TemplateField = {
  readonly path: string;
  readonly template: string;
  readonly language: 'promql' | 'text';
  readonly window?: string | undefined;
  /** The field of the configuration that it comes from; `path` is then where it would stand in the spec. */
  readonly configured?: string | undefined;
};

type Named = Pick<ParsedRollout, 'metadata' | 'spec'>;

/** Templates that cannot be filled, and queries that are no PromQL; also those that the configuration adds to the spec. */
export function checkTemplates(
  rollout: Named,
  { render, check }: Templates,
  installation?: Installation,
): readonly SpecProblem[] {
  const problems: SpecProblem[] = [];
  for (const { path, template, language, window, configured } of templatesOf(rollout.spec, installation)) {
    const values = sampleValues(rollout, window);
    const broken = check(template, Object.keys(values));
    const found = broken ?? (language === 'promql' ? checkPromql(render(template, values)) : undefined);
    if (found === undefined) continue;
    const message = broken === undefined ? found : `is no valid template: ${found}`;
    const place = configured === undefined ? '' : `of the configuration: ${configured} `;
    problems.push({ path, message: `${place}${message}`, severity: 'error' });
  }
  return problems;
}

function templatesOf(spec: RolloutSpec, installation: Installation | undefined): readonly TemplateField[] {
  const { canary, blueGreen } = spec.strategy;
  const approvals = [
    ...(canary?.steps ?? []).map(({ approval }, index) => ({ approval, path: `spec.strategy.canary.steps[${index}]` })),
    { approval: blueGreen?.approval, path: 'spec.strategy.blueGreen' },
  ];
  return [
    ...wantedGates(spec, installation).flatMap(ofGate),
    ...approvals.flatMap(({ approval, path }) => ofApproval(approval, path)),
  ];
}

function ofGate({ path, gate: { prometheus, webhook }, configured }: WantedGate): readonly TemplateField[] {
  const fields = [
    { field: 'prometheus.query', template: prometheus?.query, language: 'promql' },
    { field: 'prometheus.samples', template: prometheus?.samples, language: 'promql' },
    { field: 'webhook.url', template: webhook?.url, language: 'text' },
  ] as const;
  return fields.flatMap(({ field, template, language }): readonly TemplateField[] => {
    if (template === undefined) return [];
    const place = configured === undefined ? { path: `${path}.${field}` } : { path, configured: `${configured}.${field}` };
    return [{ ...place, template, language, window: prometheus?.window }];
  });
}

function ofApproval(approval: ApprovalSpec | undefined, path: string): readonly TemplateField[] {
  return approval?.message === undefined
    ? []
    : [{ path: `${path}.approval.message`, template: approval.message, language: 'text' }];
}

/** A value for each name that a template may use, as a controller could fill it in. */
function sampleValues({ metadata, spec }: Named, window = '1m'): Readonly<Record<string, string | number>> {
  return {
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    host: spec.host ?? metadata.name,
    stable: spec.initialVersion ?? 'v1',
    canary: spec.version,
    version: spec.version,
    step: 1,
    steps: spec.strategy.canary?.steps.length ?? 1,
    weight: 50,
    window,
    interval: spec.analysis?.interval ?? '15s',
    commit: '0'.repeat(40),
  };
}

const MOST_KNOWN = 5_000;

/** What only templates and PromQL tell about the spec of a Rollout that came through the API; looked for once a generation. */
export const createFindings = (
  templates: Templates,
  installation: Installation,
): ((rollout: Pick<Rollout, 'uid' | 'generation' | 'namespace' | 'name' | 'spec'>) => readonly SpecProblem[]) => {
  const known = new Map<string, { readonly generation: number; readonly problems: readonly SpecProblem[] }>();
  return ({ uid, generation, namespace, name, spec }) => {
    const before = known.get(uid);
    if (before?.generation === generation) return before.problems;
    const problems = checkTemplates({ metadata: { namespace, name }, spec }, templates, installation);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(uid, { generation, problems });
    return problems;
  };
};
