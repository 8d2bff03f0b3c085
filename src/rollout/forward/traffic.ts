import { place } from '../explain.ts';
import type { Measurement } from '../observation.ts';
import { saying } from '../outcome.ts';
import { type Attempt, stepKey } from '../situation.ts';
import type { RolloutStatus } from '../status.ts';
import { told } from './meshFindings.ts';

/** Intended requests of the new version from which on a share means something. */
const ENOUGH_REQUESTS = 20;
const WINDOWS = 2;
/** Counters are read every 15 s or so; what they count in the first of these may be from before the step. */
const MIN_WINDOW_MS = 15_000;

type Share = Extract<Measurement, { kind: 'counts' }> & { readonly canaryPercent: number; readonly requests: number };

const hasShare = (measurement: Measurement): measurement is Share =>
  measurement.kind === 'counts' && measurement.canaryPercent !== undefined && measurement.requests !== undefined;

/**
 * R18: does the new version get what its weight promises? Answers with the measured share in percent when it is below half
 * of the intended one after two windows; a person who promotes the step knows better.
 */
export const missingTraffic = (attempt: Attempt): number | undefined => {
  const { weight, step, stored } = attempt;
  if (weight === 0 || step.promotedBy !== undefined) return undefined;
  const share = measuredShare(attempt);
  if (share !== undefined) return share < weight / 2 ? share : undefined;
  // A process that has just begun knows too little to take back what the one before it has found.
  const wasMissing = stored?.waitingFor?.what === 'traffic' && stored.step?.startedAt === step.startedAt;
  return wasMissing ? (stored.weight?.measured ?? 0) : undefined;
};

/** In percent; `undefined` before two windows have passed, or with too few requests. */
const measuredShare = ({ observation, status, step, plan, weight }: Attempt): number | undefined => {
  if (observation.measuredStep !== stepKey(status)) return undefined;
  const shares = Object.values(observation.measurements).filter(hasShare);
  const [widest] = shares.sort((a, b) => b.requests - a.requests);
  if (widest === undefined || (widest.requests * weight) / 100 < ENOUGH_REQUESTS) return undefined;
  const sinceMs = Date.parse(step.startedAt ?? '') + plan.initialDelayMs;
  return widest.untilMs - sinceMs < WINDOWS * Math.max(plan.intervalMs, MIN_WINDOW_MS) ? undefined : widest.canaryPercent;
};

/** Findings of the mesh check that keep requests, or what is told of them, from following the weights. */
const DIVERTING: ReadonlySet<string> = new Set([
  'ConflictingVirtualServices',
  'DuplicateVirtualService',
  'NoEntrance',
  'GatewayWithoutHost',
  'UnreachableRoute',
  'IneffectiveMatch',
  'DelegateNotSubset',
  'DelegatePartlyIgnored',
  'PortNotHttp',
  'PortUnclear',
  'WaypointMissing',
  'WaypointMissingForSome',
  'CallersWithoutSidecar',
  'PodsWithoutSidecar',
  'ObjectHidden',
  'HostHidden',
]);

const USUAL_CAUSES =
  'callers without a sidecar, a route that binds only a gateway, a second VirtualService for the host, no waypoint, or consistent hashing';

/** What was found here comes before what it mostly is. */
const likelyCauses = ({ observation: { meshFindings = [] }, status: { traffic } }: Attempt): string => {
  const found = meshFindings.filter(({ code }) => DIVERTING.has(code));
  if (found.length > 0) return `likely cause: ${told(found)}; others: ${USUAL_CAUSES}`;
  const cookie = traffic?.sticky?.cookie;
  const few = cookie === undefined ? '' : `too few people yet, each of whom the cookie ${cookie} keeps on one version, `;
  return `likely causes: ${few}${USUAL_CAUSES}`;
};

/** Holds, and never goes back: the version may be good, and nobody can tell. */
export const waitingForTraffic = (attempt: Attempt, status: RolloutStatus, percent: number): RolloutStatus => {
  const { canary, host } = attempt.target;
  const seen = `${canary} gets ${Math.round(percent * 10) / 10}% of the requests to ${host}, and should get ${attempt.weight}%`;
  const message = `${place(attempt)}: ${seen}; ${likelyCauses(attempt)}; goes on by itself when the share is above half of it, or when a person promotes the step`;
  return { ...saying(status, 'WaitingForTraffic', message, { what: 'traffic' }), phase: 'Progressing' };
};
