import { durationOr } from './duration.ts';
import type { Installation } from './observation.ts';
import type { GateSpec, RolloutSpec, SpecProblem, StepSpec } from './spec.ts';

/** Checks what a spec means. Without an installation the names of providers are not checked. */
export const checkSpec = (spec: RolloutSpec, installation?: Installation): readonly SpecProblem[] => [
  ...checkStrategy(spec),
  ...checkSteps(spec.strategy.canary?.steps ?? []),
  ...checkGates(spec.analysis?.gates, installation),
  ...checkTimes(spec),
  ...checkUnsupported(spec),
];

const error = (path: string, message: string, suggestion?: string): SpecProblem => ({
  path,
  message,
  severity: 'error',
  ...(suggestion === undefined ? {} : { suggestion }),
});
const warning = (path: string, message: string): SpecProblem => ({ path, message, severity: 'warning' });
const notYet = (path: string, isSet: boolean, without: string): readonly SpecProblem[] =>
  isSet ? [error(path, 'is not supported yet', without)] : [];

const checkStrategy = ({ strategy }: RolloutSpec): readonly SpecProblem[] => {
  const given = Object.entries(strategy).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
  return [error('spec.strategy', `${found}, expected exactly one of canary, blueGreen, abTest`)];
};

const checkSteps = (steps: readonly StepSpec[]): readonly SpecProblem[] => {
  const problems: SpecProblem[] = [];
  let highest = 0;
  for (const [index, step] of steps.entries()) {
    const path = `spec.strategy.canary.steps[${index}]`;
    if (step.setWeight !== undefined && step.setWeight < highest) {
      problems.push(
        error(`${path}.setWeight`, `is ${step.setWeight}, expected at least ${highest}: weights of the steps must not decrease`),
      );
    }
    highest = Math.max(highest, step.setWeight ?? 0);
    problems.push(
      ...notYet(`${path}.setHeaderRoute`, step.setHeaderRoute !== undefined, 'use setWeight'),
      ...notYet(`${path}.setMirrorRoute`, step.setMirrorRoute !== undefined, 'use setWeight'),
      ...notYet(`${path}.approval`, step.approval !== undefined, 'use pause: {} and promote the step by request'),
      ...notYet(`${path}.gates`, step.gates !== undefined, 'use spec.analysis.gates'),
    );
  }
  return problems;
};

const checkGates = (gates: readonly GateSpec[] | undefined, installation?: Installation): readonly SpecProblem[] => {
  if (gates === undefined) return [];
  const path = 'spec.analysis.gates';
  if (gates.length === 0) return [warning(path, 'is empty: only readiness and failures that reach no pod protect this rollout')];
  return gates.flatMap((gate, index) => [
    ...checkName(gates, index, `${path}[${index}]`),
    ...checkSource(gate, `${path}[${index}]`),
    ...checkBounds(gate, `${path}[${index}]`),
    ...checkProvider(gate, `${path}[${index}]`, installation),
    ...notYet(`${path}[${index}].webhook`, gate.webhook !== undefined, 'use a prometheus gate'),
    ...notYet(`${path}[${index}].template`, gate.template !== undefined, 'write the gate out'),
    ...notYet(`${path}[${index}].baseline`, gate.baseline !== undefined, 'use threshold'),
    ...notYet(`${path}[${index}].onFailure`, gate.onFailure === 'pause', 'use onFailure: rollback'),
  ]);
};

/** A gate without a name is called by what it measures. */
export const gateName = (gate: GateSpec): string => {
  if (gate.name !== undefined) return gate.name;
  if (gate.zipkin) return `p${gate.zipkin.percentile}`;
  if (gate.prometheus?.metric === 'latency') return `p${gate.prometheus.percentile ?? 99}`;
  return gate.prometheus?.metric ?? gate.template ?? 'query';
};

const checkName = (gates: readonly GateSpec[], index: number, path: string): readonly SpecProblem[] => {
  const names = gates.map(gateName);
  const name = names[index] ?? '';
  if (name === 'unattributed') return [error(`${path}.name`, 'is unattributed, which is the name of a built-in gate')];
  const first = names.indexOf(name);
  if (first === index) return [];
  return [error(`${path}.name`, `is ${name}, which gate ${first} is called too; names must be unique`)];
};

const checkSource = (gate: GateSpec, path: string): readonly SpecProblem[] => {
  const given = [gate.prometheus, gate.zipkin, gate.webhook, gate.template].filter(source => source !== undefined).length;
  if (given !== 1) return [error(path, `has ${given} sources, expected exactly one of prometheus, zipkin, webhook, template`)];
  const { prometheus } = gate;
  if (!prometheus) return [];
  const problems: SpecProblem[] = [];
  if ((prometheus.metric === undefined) === (prometheus.query === undefined)) {
    problems.push(error(`${path}.prometheus`, 'expected either metric or query'));
  }
  if ((prometheus.metric === 'latency') !== (prometheus.percentile !== undefined)) {
    problems.push(error(`${path}.prometheus.percentile`, 'expected together with metric: latency, and only there'));
  }
  if (prometheus.query === undefined && (prometheus.samples !== undefined || prometheus.window !== undefined)) {
    problems.push(error(`${path}.prometheus`, 'samples and window belong to a query'));
  }
  return problems;
};

const checkBounds = (gate: GateSpec, path: string): readonly SpecProblem[] => {
  const { threshold } = gate;
  if (gate.baseline !== undefined || gate.webhook !== undefined || gate.template !== undefined) return [];
  if (threshold?.min === undefined && threshold?.max === undefined) {
    return [error(`${path}.threshold`, 'expected min, max or both: nothing says what is good')];
  }
  const { min, max } = threshold;
  const problems: SpecProblem[] = [];
  if (min !== undefined && max !== undefined && min > max)
    problems.push(error(`${path}.threshold`, `min ${min} is above max ${max}`));
  const isRate = gate.prometheus?.metric === 'success-rate';
  const isLatency = gate.zipkin !== undefined || gate.prometheus?.metric === 'latency';
  if (isRate && (min === undefined || max !== undefined || min < 0 || min > 100)) {
    problems.push(error(`${path}.threshold`, 'expected min alone, a percentage from 0 to 100, for success-rate'));
  }
  if (isLatency && (max === undefined || min !== undefined || max <= 0)) {
    problems.push(error(`${path}.threshold`, 'expected max alone, in milliseconds and above 0, for latency'));
  }
  const isQuery = gate.prometheus?.query !== undefined;
  if (isQuery && gate.judge === 'sequential')
    problems.push(error(`${path}.judge`, 'is sequential, which needs counts; a query is judged plain'));
  if (!isQuery && gate.judge === 'plain') problems.push(...notYet(`${path}.judge`, true, 'leave it out'));
  if (isQuery && gate.minSamples !== undefined && gate.prometheus?.samples === undefined) {
    problems.push(error(`${path}.minSamples`, 'needs prometheus.samples: nothing says how many there were'));
  }
  return problems;
};

const checkProvider = (gate: GateSpec, path: string, installation?: Installation): readonly SpecProblem[] => {
  const kind = gate.zipkin ? 'zipkin' : gate.prometheus ? 'prometheus' : undefined;
  if (kind === undefined || installation === undefined) return [];
  const name = gate[kind]?.provider ?? 'default';
  const known = installation[kind];
  if (known.includes(name)) return [];
  const names = known.length === 0 ? `no ${kind} provider is configured` : `configured are ${known.join(', ')}`;
  return [error(`${path}.${kind}.provider`, `is ${name}, which the configuration does not know: ${names}`)];
};

const checkTimes = ({ analysis }: RolloutSpec): readonly SpecProblem[] => {
  if (durationOr(analysis?.interval, 15_000) >= 1_000) return [];
  return [error('spec.analysis.interval', `is ${analysis?.interval}, expected 1s or longer`)];
};

const checkUnsupported = (spec: RolloutSpec): readonly SpecProblem[] => [
  ...notYet('spec.router.gatewayApi', spec.router?.gatewayApi !== undefined, 'use router.istio'),
  ...notYet('spec.router.istio.createMissing', spec.router?.istio?.createMissing === 'all', 'use subset or none'),
  ...notYet('spec.strategy.blueGreen', spec.strategy.blueGreen !== undefined, 'use canary'),
  ...notYet('spec.strategy.abTest', spec.strategy.abTest !== undefined, 'use canary'),
  ...notYet('spec.strategy.canary.stickiness', spec.strategy.canary?.stickiness !== undefined, 'leave it out'),
  ...notYet('spec.windows', (spec.windows?.length ?? 0) > 0, 'leave it out'),
  ...notYet('spec.capacity', spec.capacity === 'require', 'use warn'),
  ...notYet('spec.progressDeadline', spec.progressDeadline !== undefined, 'leave it out'),
  ...notYet('spec.retire', spec.retire?.action !== undefined && spec.retire.action !== 'none', 'use action: none'),
  ...notYet('spec.notify', spec.notify !== undefined, 'watch events and status'),
];
