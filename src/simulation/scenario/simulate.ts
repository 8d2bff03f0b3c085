import type { Installation, RolloutSpec } from '../../rollout/index.ts';
import { START_MS, World, type WorldOptions } from '../world.ts';
import { Conditions } from './conditions.ts';
import { happen, type Stage } from './happen.ts';
import { type Entry, narrate } from './narration.ts';
import type { Scenario } from './scenario.ts';

/** What is simulated instead of what the scenario says itself. */
export type Cast = {
  readonly spec: RolloutSpec;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
};

export type Simulated = {
  readonly world: World;
  /** In the order of time. */
  readonly entries: readonly Entry[];
};

/** Lets a scenario happen. `more` goes to the world: a crash, or an observer of decisions. */
export const simulate = (scenario: Scenario, cast: Cast, more: Pick<WorldOptions, 'crash' | 'onDecision'> = {}): Simulated => {
  const conditions = new Conditions(scenario.world?.traffic ?? 100);
  const world = new World({ ...optionsOf(scenario, cast), ...more, truth: conditions.truth() });
  const told: Entry[] = [];
  const stage: Stage = {
    world,
    conditions,
    requests: 0,
    tell: what => void told.push({ kind: 'event', livedMs: world.livedMs, what }),
  };
  setPods(stage, scenario);
  for (const event of scenario.events ?? []) world.at(event.at, () => happen(stage, event));
  world.run(scenario.for);
  return { world, entries: narrate(world, told) };
};

const optionsOf = ({ world = {} }: Scenario, { spec, namespace, name }: Cast): WorldOptions => {
  const host = `${namespace ?? 'weather'}/${name ?? 'forecast'}`;
  const objects = world.objects ?? { [host]: { versions: { v1: 100 }, foreign: 0 } };
  return {
    spec,
    installation: installationOf(world),
    objects,
    startMs: world.startsAt ?? START_MS,
    pods: {},
    ...(world.subsets === undefined ? {} : { subsets: world.subsets }),
    ...(world.authors === undefined ? {} : { authors: world.authors }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
};

const installationOf = (world: NonNullable<Scenario['world']>): Installation => ({
  prometheus: world.prometheus ?? ['default'],
  zipkin: world.zipkin ?? [],
  restore: world.restore ?? ['argocd-controller', 'kustomize-controller', 'helm-controller'],
  ...(world.webhookGates === undefined ? {} : { webhookGates: world.webhookGates }),
  ...(world.gateTemplates === undefined ? {} : { gateTemplates: world.gateTemplates }),
});

const setPods = ({ world }: Stage, scenario: Scenario): void => {
  for (const [version, value] of Object.entries(scenario.world?.pods ?? { v1: 3 })) {
    const { ready, total, template } = typeof value === 'number' ? { ready: value } : value;
    world.setPods(version, ready, template, total);
  }
};
