import { type Counts, dispersionOf, type Normal, percentileOf } from '../rollout/index.ts';
import type { TrafficProvider } from './ports.ts';
import type { Sides } from './subject.ts';

const REFERENCE_MS = 600_000;
/** Bursts come more seldom than requests: whether there are any takes a longer look back. */
const BLOCKS_MS = 2_400_000;

/** What was normal in the ten minutes before `atMs`, as one provider tells it. Throws SystemError. */
export const readNormal = async (
  provider: TrafficProvider,
  { host, stable, canary }: Sides,
  atMs: number,
  signal: AbortSignal,
): Promise<Normal> => {
  const traffic = await provider.readTraffic(
    { host, stable, canary, fromMs: atMs - REFERENCE_MS, toMs: atMs, slowerThanMs: [] },
    signal,
  );
  const stableP90Ms = percentileOf(traffic.stable.durations, 90);
  const stableP99Ms = percentileOf(traffic.stable.durations, 99);
  const dispersion = await readDispersion(
    provider,
    { host, version: stable, fromMs: atMs - BLOCKS_MS, toMs: atMs },
    { stableP90Ms, signal },
  );
  // Of a busy service only the latest spans are read; they stand for the ten minutes.
  const times = REFERENCE_MS / Math.max(1, REFERENCE_MS - (traffic.skippedMs ?? 0));
  const whole = (bad: number, total: number): Counts => ({ bad: Math.round(bad * times), total: Math.round(total * times) });
  return {
    stable: whole(traffic.stable.errors, traffic.stable.requests),
    unattributed: whole(traffic.host.unattributed, traffic.host.requests),
    ...(stableP90Ms === undefined ? {} : { stableP90Ms }),
    ...(stableP99Ms === undefined ? {} : { stableP99Ms }),
    ...(dispersion === undefined ? {} : { dispersion }),
  };
};

const readDispersion = async (
  provider: TrafficProvider,
  query: { readonly host: string; readonly version: Sides['stable']; readonly fromMs: number; readonly toMs: number },
  { stableP90Ms, signal }: { readonly stableP90Ms: number | undefined; readonly signal: AbortSignal },
): Promise<Normal['dispersion']> => {
  if (provider.readBlocks === undefined) return undefined;
  const blocks = await Promise.all([
    provider.readBlocks(query, signal),
    stableP90Ms === undefined ? undefined : provider.readBlocks({ ...query, slowerThanMs: stableP90Ms }, signal),
  ]).catch(() => undefined);
  // A long look back may be too much to ask for; without it errors are taken to come in bursts, which is the safe side.
  if (blocks === undefined) return undefined;
  const [errors, slow] = blocks;
  const { value, within, pods, minutes } = dispersionOf(errors);
  if (slow === undefined) return { errors: value, within: { errors: within }, pods, minutes };
  const ofSlow = dispersionOf(slow);
  return { errors: value, slow: ofSlow.value, within: { errors: within, slow: ofSlow.within }, pods, minutes };
};
