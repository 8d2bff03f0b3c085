import { compilePlan, type Installation, type PlanGate, type PlanStep, type RolloutSpec } from '../../rollout/index.ts';
import { approvalText, askedOf, lengthText, trafficText } from './words.ts';

/** What changes between two specs, one line each: `version v1 -> v2`, `step 2: at 50%, 5m -> at 60%, 10m`. */
export const changesOf = (before: RolloutSpec, after: RolloutSpec, installation: Installation): readonly string[] => {
  const [old, next] = [before, after].map(spec => compilePlan(spec, installation, undefined));
  if (old === undefined || next === undefined) return [];
  const gates = (plan: typeof old) => new Map(plan.gates.map(gate => [`gate ${gate.name}`, gateText(gate)]));
  const steps = (plan: typeof old) => new Map(plan.steps.map((step, at) => [`step ${at + 1}`, stepText(step)]));
  const said = [
    ...(before.version === after.version ? [] : [`version ${before.version} -> ${after.version}`]),
    ...changedEntries(steps(old), steps(next)),
    ...changedEntries(gates(old), gates(next)),
    ...changedEntries(otherFields(before), otherFields(after)),
  ];
  return said.length === 0 && !isSame(before, after) ? ['only details of steps or gates change'] : said;
};

const stepText = (step: PlanStep): string =>
  [
    `${step.name === undefined ? '' : `${step.name} `}${trafficText(step)}`,
    step.pauseMs === null ? 'until a person promotes' : lengthText(step.pauseMs),
    ...(approvalText(step) === undefined ? [] : [approvalText(step)]),
    ...(step.headerRoutes === undefined ? [] : [shortJson(step.headerRoutes)]),
  ].join(', ');

/** Without its part of alpha, which is another one when there are more steps, or other gates beside it. */
const gateText = ({ alpha: _alpha, stepAlpha: _step, ...gate }: PlanGate): string => askedOf(gate);

const changedEntries = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])].flatMap(name => {
    const [old, next] = [before.get(name), after.get(name)];
    if (old === next) return [];
    if (old === undefined) return [`${name}: new: ${next}`];
    return [next === undefined ? `${name}: gone (was ${old})` : `${name}: ${old} -> ${next}`];
  });

/** Said in words of their own. */
const TOLD: ReadonlySet<string> = new Set(['version', 'strategy', 'analysis']);

const otherFields = (spec: RolloutSpec): ReadonlyMap<string, string> => {
  const { gates: _gates, ...analysis } = spec.analysis ?? {};
  const fields = Object.entries(spec).filter(([field]) => !TOLD.has(field));
  return new Map([...fields, ['analysis', analysis] as const].flatMap(([field, value]) => flat(`spec.${field}`, value)));
};

const flat = (path: string, value: unknown): readonly (readonly [string, string])[] => {
  if (value === undefined) return [];
  const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isFields ? Object.entries(value).flatMap(([field, part]) => flat(`${path}.${field}`, part)) : [[path, shortJson(value)]];
};

const LONGEST_VALUE = 200;

const shortJson = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}...` : text;
};

const isSame = (before: RolloutSpec, after: RolloutSpec): boolean => sorted(before) === sorted(after);

const sorted = (spec: RolloutSpec): string =>
  JSON.stringify(spec, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
