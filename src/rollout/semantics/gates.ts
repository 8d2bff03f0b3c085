import { canonical } from '../canonical.ts';
import { durationOr } from '../duration.ts';
import type { Installation } from '../observation.ts';
import { analysisOf, gateName, templateOf, type WantedGate, wantedGates } from '../plan/analysis.ts';
import type { GateSpec, RolloutSpec, SpecProblem } from '../spec.ts';
import { error, warning } from './problem.ts';
import { checkWebhook } from './webhook.ts';

/** Gates of the whole rollout and of single steps, with what the configuration adds to them. */
export const checkGates = (spec: RolloutSpec, installation?: Installation): readonly SpecProblem[] => {
  const wanted = wantedGates(spec, installation);
  if (wanted.length === 0 && spec.analysis?.gates !== undefined) {
    const message = 'is empty: only readiness and failures that reach no pod protect this rollout';
    return [warning('spec.analysis.gates', message)];
  }
  const hasDefaults = analysisOf(spec, installation).gates === undefined;
  return wanted.flatMap((gate, index) => {
    const problems = [...checkName(wanted, index, hasDefaults), ...checkGate(gate, installation)];
    return gate.configured === undefined ? problems : problems.map(problem => fromConfiguration(problem, gate));
  });
};

const checkGate = ({ gate, path }: WantedGate, installation?: Installation): readonly SpecProblem[] => {
  if (gate.template !== undefined) return checkTemplate(gate, path, installation);
  return [
    ...checkSource(gate, path),
    ...checkBounds(gate, path),
    ...checkJudge(gate, path),
    ...checkProvider(gate, path, installation),
    ...checkWebhook(gate, path, installation),
    ...checkBaseline(gate, path),
  ];
};

const fromConfiguration = (problem: SpecProblem, { path, configured }: WantedGate): SpecProblem => ({
  ...problem,
  path,
  message: `of the configuration: ${configured}${problem.path.slice(path.length)} ${problem.message}`,
});

/** Only a template that the configuration does not have is still one here. */
const checkTemplate = ({ template }: GateSpec, path: string, installation?: Installation): readonly SpecProblem[] => {
  if (installation === undefined || template === undefined || templateOf(installation, template) !== undefined) return [];
  const known = Object.keys(installation.gateTemplates ?? {});
  const names = known.length === 0 ? 'it has no gateTemplates' : `known are ${known.join(', ')}`;
  return [error(`${path}.template`, `is ${template}, which the configuration does not know: ${names}`)];
};

/** Gates that a rollout without any gets by default. */
const DEFAULT_NAMES = ['success-rate', 'p99'];

/** Names are unique, as verdicts are known by them; a gate of several steps is one gate, so it is the same in all of them. */
const checkName = (wanted: readonly WantedGate[], index: number, hasDefaults: boolean): readonly SpecProblem[] => {
  const own = wanted[index];
  if (own === undefined) return [];
  const name = gateName(own.gate);
  const path = `${own.path}.name`;
  if (name === 'unattributed') return [error(path, 'is unattributed, which is the name of a built-in gate')];
  if (hasDefaults && DEFAULT_NAMES.includes(name))
    return [error(path, `is ${name}, which a default gate is called too; names must be unique`)];
  const first = wanted.find(({ gate }) => gateName(gate) === name);
  if (first === undefined || first === own) return [];
  const areOfSteps = first.step !== undefined && own.step !== undefined && first.step !== own.step;
  if (areOfSteps && isSame(first.gate, own.gate)) return [];
  const unless = areOfSteps ? ', unless it is the same gate' : '';
  return [error(path, `is ${name}, which ${first.configured ?? first.path} is called too; names must be unique${unless}`)];
};

const isSame = (one: GateSpec, other: GateSpec): boolean => JSON.stringify(canonical(one)) === JSON.stringify(canonical(other));

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
  if (durationOr(prometheus.window, 1_000) < 1_000) {
    problems.push(error(`${path}.prometheus.window`, `is ${prometheus.window}, expected 1s or longer`));
  }
  return problems;
};

/** A comparison with stable needs counts of both versions, which a query does not give. */
const checkBaseline = ({ baseline, prometheus, webhook, judge }: GateSpec, path: string): readonly SpecProblem[] => {
  if (baseline === undefined || webhook !== undefined) return [];
  if (prometheus?.query !== undefined)
    return [error(`${path}.baseline`, 'needs counts of both versions: expected with metric or zipkin only')];
  if (judge === 'plain') return [error(`${path}.baseline`, 'is judged by evidence, which judge: plain does not look at')];
  if (baseline.certify !== undefined && prometheus?.metric !== 'success-rate')
    return [error(`${path}.baseline.certify`, 'is for error rates: expected with metric: success-rate only')];
  return [];
};

const checkBounds = (gate: GateSpec, path: string): readonly SpecProblem[] => {
  const { threshold } = gate;
  if (gate.webhook !== undefined || (gate.baseline !== undefined && threshold === undefined)) return [];
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
  return problems;
};

const checkJudge = (gate: GateSpec, path: string): readonly SpecProblem[] => {
  if (gate.webhook !== undefined) return [];
  const isQuery = gate.prometheus?.query !== undefined;
  const problems: SpecProblem[] = [];
  if (isQuery && gate.judge === 'sequential')
    problems.push(error(`${path}.judge`, 'is sequential, which needs counts; a query is judged plain'));
  if (isQuery && gate.minSamples !== undefined && gate.prometheus?.samples === undefined) {
    problems.push(error(`${path}.minSamples`, 'needs prometheus.samples: nothing says how many there were'));
  }
  if (!isQuery && gate.judge !== 'plain' && gate.failureLimit !== undefined)
    problems.push(warning(`${path}.failureLimit`, 'has no meaning here: counts are judged by evidence, which fails at once'));
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
