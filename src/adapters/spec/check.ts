import type { RenderTemplate } from '../../controller/ports.ts';
import { type ApprovalSpec, checkSpec, type GateSpec, type Installation, type RolloutSpec } from '../../rollout/index.ts';
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

function checkRollout(rollout: ParsedRollout, templates: Templates, installation?: Installation): readonly CheckedProblem[] {
  const { file, locate, spec } = rollout;
  const problems = [...checkSpec(spec, installation), ...checkTemplates(rollout, templates)];
  return problems.map(problem => ({ file, ...locate(problem.path), ...problem }));
}

type TemplateField = {
  readonly path: string;
  readonly template: string;
  readonly language: 'promql' | 'text';
  readonly window?: string;
};

function checkTemplates(rollout: ParsedRollout, { render, check }: Templates) {
  const problems: { path: string; message: string; severity: 'error' }[] = [];
  for (const { path, template, language, window } of templatesOf(rollout.spec)) {
    const values = sampleValues(rollout, window);
    const broken = check(template, Object.keys(values));
    const message = broken ?? (language === 'promql' ? checkPromql(render(template, values)) : undefined);
    if (message !== undefined) {
      problems.push({ path, message: broken === undefined ? message : `is no valid template: ${message}`, severity: 'error' });
    }
  }
  return problems;
}

function templatesOf(spec: RolloutSpec): readonly TemplateField[] {
  const { canary, blueGreen } = spec.strategy;
  return [
    ...ofGates(spec.analysis?.gates, 'spec.analysis.gates'),
    ...(canary?.steps ?? []).flatMap((step, index) => {
      const path = `spec.strategy.canary.steps[${index}]`;
      return [...ofApproval(step.approval, path), ...ofGates(step.gates, `${path}.gates`)];
    }),
    ...ofApproval(blueGreen?.approval, 'spec.strategy.blueGreen'),
  ];
}

function ofGates(gates: readonly GateSpec[] | undefined, path: string): readonly TemplateField[] {
  return (gates ?? []).flatMap(({ prometheus }, index) =>
    (['query', 'samples'] as const).flatMap((field): readonly TemplateField[] => {
      const template = prometheus?.[field];
      if (template === undefined) return [];
      const window = prometheus?.window;
      return [
        {
          path: `${path}[${index}].prometheus.${field}`,
          template,
          language: 'promql',
          ...(window === undefined ? {} : { window }),
        },
      ];
    }),
  );
}

function ofApproval(approval: ApprovalSpec | undefined, path: string): readonly TemplateField[] {
  return approval?.message === undefined
    ? []
    : [{ path: `${path}.approval.message`, template: approval.message, language: 'text' }];
}

/** A value for each name that a template may use, as a controller could fill it in. */
function sampleValues({ metadata, spec }: ParsedRollout, window = '1m'): Readonly<Record<string, string | number>> {
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
