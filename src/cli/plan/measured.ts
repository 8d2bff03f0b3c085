import { setTimeout as wait } from 'node:timers/promises';
import { createRenderer } from '../../adapters/templates/render.ts';
import type { Config } from '../../config/load.ts';
import { createMeasurer } from '../../controller/measure.ts';
import { createMemory } from '../../controller/memory.ts';
import type { VersionSelector } from '../../controller/ports.ts';
import type { Installation, Normal, Reference, RolloutSpec } from '../../rollout/index.ts';
import { createPastProviders } from '../analyze/providers.ts';
import { ProviderDown, readReference } from '../analyze/walk.ts';
import type { Assumed } from './options.ts';

/** Whose traffic is measured. */
export type MeasuredSides = {
  readonly spec: RolloutSpec;
  /** Full name. */
  readonly host: string;
  readonly stable: VersionSelector;
  readonly canary: VersionSelector;
};

/** What was found of the last ten minutes; or why nothing was. */
export type Measured =
  | { readonly known: Partial<Assumed>; readonly text: string }
  | { readonly known: Partial<Assumed>; readonly problem: string };

const REFERENCE_S = 600;

/** Reads what is normal now, as the controller does before the first raise. Never throws for a provider that does not answer. */
export const measureNormal = async (
  config: Config,
  installation: Installation,
  sides: MeasuredSides,
  nowMs: number,
): Promise<Measured> => {
  const range = { fromMs: nowMs, toMs: nowMs };
  const { providers, setNow } = createPastProviders(config, range);
  const memory = createMemory();
  const render = createRenderer();
  const measurer = createMeasurer({ providers, render });
  const waiting = (ms: number): Promise<void> => wait(ms);
  const deps = { providers, installation, render, setNow, wait: waiting, memory, measurer };
  try {
    const reference = await readReference({ ...sides, range }, deps);
    return reference === undefined ? { known: {}, problem: 'no provider of the Rollout tells of requests' } : told(reference);
  } catch (error) {
    if (!(error instanceof ProviderDown)) throw error;
    return { known: {}, problem: error.message };
  }
};

const told = (reference: Extract<Reference, { kind: 'measured' }>): Measured => {
  const normals = Object.entries(reference.normal);
  const totalOf = (kind: string): Normal | undefined => normals.find(([name]) => name.startsWith(`${kind}/`))?.[1];
  const [counted, traced] = [totalOf('prometheus'), totalOf('zipkin')];
  const best = counted ?? traced;
  const requests = best === undefined ? 0 : Math.max(best.unattributed.total, best.stable.total);
  if (best === undefined || requests === 0) return { known: {}, problem: 'no requests were seen in the last 10 minutes' };
  const perSecond = requests / REFERENCE_S;
  const isSampled = counted !== undefined && traced !== undefined && counted.stable.total > 0 && traced.stable.total > 0;
  const known = {
    perSecond,
    ...(best.stable.total === 0 ? {} : { stableErrors: best.stable.bad / best.stable.total }),
    ...(isSampled ? { sampling: Math.min(1, traced.stable.total / counted.stable.total) } : {}),
    reference,
  };
  return { known, text: `measured over the last 10 minutes: ${requests} requests` };
};
