import type { Action } from '../action.ts';
import { byName } from '../byName.ts';
import { durationOr, isoMillis, isoSeconds } from '../duration.ts';
import type { Leftover, MeshObservation, Rollout } from '../observation.ts';
import { type Outcome, saying, withHistory } from '../outcome.ts';
import { NO_PODS, type Situation } from '../situation.ts';
import type { RolloutStatus } from '../status.ts';
import { positionAtRest } from './position.ts';

type Resting = RolloutStatus & { readonly stableVersion: string };
type Mesh = Extract<MeshObservation, { kind: 'resolved' }>;

const AFTER_MS = 1_800_000;
/** Proxies that have not heard of it yet may send the old version its last requests. */
const OBEYED_WITHIN_MS = 30_000;
const PROXY_DELAY_MS = 500;
/** So often it is looked at whether requests still reach it. */
const LOOK_EVERY_MS = 15_000;

/** The version before this one, when it is to be retired and was not yet. */
type Retirement = {
  readonly version: string;
  readonly scales: boolean;
  readonly atMs: number;
  /** Since when it is being retired; with its first write the short way back has ended. */
  readonly since: string | undefined;
};

/**
 * R21: some time after its successor was promoted, what the old version left behind is removed, in this order: its
 * destinations, a wait until that is obeyed, its subset, its pods. Each look takes the next step that the mesh still shows
 * to be open, so a restart goes on where it was.
 */
export const retire = (situation: Situation, status: Resting, mesh: Mesh): Outcome => {
  const due = retirementOf(situation, status);
  if (due === undefined) return { status: status.message.includes(ANNOUNCED) ? withoutAnnouncement(status) : status };
  const { nowMs } = situation;
  if (nowMs < due.atMs) return { status: announced(status, due), lookAgainAtMs: due.atMs };
  const { freeze } = situation.observation;
  // Whoever stops everything may want the way back that would be gone.
  if (freeze !== undefined) return { status: frozen(status, due, freeze.by) };
  if (due.since === undefined || status.message.includes(ANNOUNCED))
    return { status: begun(status, due, nowMs), lookAgainAtMs: nowMs };
  const { leftover } = mesh;
  if (leftover?.version !== due.version) return { status };
  if (leftover.destinationsIn.length > 0)
    return { status, actions: removals(situation, status, { mesh, names: leftover.destinationsIn, version: due.version }) };
  // A look at another version, in an attempt since then, says nothing.
  const lastMs = Date.parse(status.history?.at(-1)?.at ?? '') || 0;
  const obeyedMs = Math.max(Date.parse(due.since), removedMs(mesh), lastMs) + OBEYED_WITHIN_MS;
  if (nowMs < obeyedMs) return { status, lookAgainAtMs: obeyedMs };
  return untilObeyed(situation, status, due, obeyedMs) ?? removeRest(situation, status, { mesh, leftover, due });
};

/**
 * Where requests can be seen, none may have reached the old version since. Nothing is urgent here, so a provider that does
 * not answer is waited for. `undefined` when nothing stands in the way.
 */
const untilObeyed = (
  { observation, nowMs }: Situation,
  status: Resting,
  { version }: Retirement,
  obeyedMs: number,
): Outcome | undefined => {
  const { installation, share } = observation;
  if (installation.prometheus.length + installation.zipkin.length === 0) return undefined;
  const { stableVersion } = status;
  const earliestMs = obeyedMs - OBEYED_WITHIN_MS;
  const seen = share !== undefined && share.atMs >= obeyedMs ? share : undefined;
  const measured = seen?.kind === 'measured' && seen.fromMs >= earliestMs ? seen : undefined;
  if (measured?.canary === 0) return undefined;
  const isDue = seen === undefined || nowMs - seen.atMs >= LOOK_EVERY_MS;
  const fromMs = measured?.untilMs ?? earliestMs + PROXY_DELAY_MS;
  const between = { stable: stableVersion, canary: version };
  return {
    status: seen === undefined ? status : saying(status, 'UpToDate', stillThere(status, version, measured !== undefined)),
    actions: isDue && nowMs > fromMs ? [{ kind: 'measureShare', fromMs, atMs: nowMs, between }] : [],
    lookAgainAtMs: (isDue ? nowMs : seen.atMs) + LOOK_EVERY_MS,
  };
};

const stillThere = ({ stableVersion }: Resting, version: string, isSeen: boolean): string => {
  const why = isSeen
    ? `it still gets requests, although no route leads to it`
    : 'the provider does not say whether it still gets requests';
  return `${stableVersion} is stable at 100%; ${version} is not retired yet: ${why}; goes on by itself when it gets none`;
};

/** The version whose leftovers have to be looked at; `undefined` when none is to be retired. */
export const retiringVersion = ({ spec, status }: Rollout): string | undefined => {
  const isWanted = spec.retire?.action !== undefined && spec.retire.action !== 'none';
  return isWanted && status?.retire?.done !== true && status?.phase === 'Healthy' ? status.previous?.version : undefined;
};

const retirementOf = (
  { rollout }: Situation,
  { previous, stableVersion, history, retire: known }: Resting,
): Retirement | undefined => {
  const { retire: wanted, version } = rollout.spec;
  const old = previous?.version;
  if (wanted?.action === undefined || wanted.action === 'none' || old === undefined) return undefined;
  if (old === stableVersion || old === version) return undefined;
  const promotedAt = history?.findLast(({ action, to }) => action === 'promoted' && to === stableVersion)?.at;
  if (promotedAt === undefined) return undefined;
  const isOfNow = known?.version === old && known.since >= promotedAt;
  if (isOfNow && known.done === true) return undefined;
  return {
    version: old,
    scales: wanted.action === 'scaleToZero',
    atMs: Date.parse(promotedAt) + durationOr(wanted.after, AFTER_MS),
    since: isOfNow ? known.since : undefined,
  };
};

const ANNOUNCED = ' is to be retired at ';

/** Somebody took the wish for it out of the spec. */
const withoutAnnouncement = (status: Resting): RolloutStatus => ({
  ...status,
  message: `${status.stableVersion} is stable at 100%; nothing to do until the version changes`,
});

const isPlain = ({ stableVersion, message }: Resting): boolean => message.startsWith(`${stableVersion} is stable at 100%; `);

const announced = (status: Resting, { version, atMs }: Retirement): RolloutStatus => {
  if (status.reason === 'DriftRestored' || !isPlain(status)) return status;
  return { ...status, message: `${status.stableVersion} is stable at 100%; ${version}${ANNOUNCED}${isoSeconds(atMs)}` };
};

const frozen = (status: Resting, { version, atMs }: Retirement, by: string): RolloutStatus => {
  const message = `${status.stableVersion} is stable at 100%; ${version}${ANNOUNCED}${isoSeconds(atMs)}, but ${by} has frozen the installation; goes on by itself when the freeze ends`;
  return saying(status, 'UpToDate', message);
};

/** Stored before the first write; from now on the way back to the old version is an ordinary rollout (R10). */
const begun = (status: Resting, { version, since }: Retirement, nowMs: number): RolloutStatus => {
  const { until: _until, ...previous } = status.previous ?? { version };
  const next = { ...status, previous, retire: { version, since: since ?? isoMillis(nowMs) } };
  const message = `${status.stableVersion} is stable at 100%; ${version} is being retired`;
  return saying(next, 'UpToDate', message);
};

const removals = (
  { observation, nowMs }: Situation,
  status: Resting,
  { mesh, names, version }: { readonly mesh: Mesh; readonly names: readonly string[]; readonly version: string },
): readonly Action[] => {
  const position = positionAtRest(status, mesh.objects, { reason: 'Retired', time: isoMillis(nowMs), epoch: observation.epoch });
  return mesh.objects
    .filter(({ name }) => names.includes(name))
    .map(({ name, resourceVersion }) => ({
      kind: 'removeDestination',
      target: mesh.target,
      object: name,
      resourceVersion,
      version,
      position,
    }));
};

/** When the last destination was removed. */
const removedMs = ({ objects }: Mesh): number =>
  Math.max(0, ...objects.map(({ position }) => (position?.reason === 'Retired' ? Date.parse(position.time) : 0)));

type Rest = { readonly mesh: Mesh; readonly leftover: Leftover; readonly due: Retirement };

/** What nothing routes to any more; as long as another route refers to it, all of it stays. */
const removeRest = (situation: Situation, status: Resting, { mesh, leftover, due }: Rest): Outcome => {
  const { version } = due;
  const { stableVersion } = status;
  if (leftover.referredBy.length > 0) {
    const by = leftover.referredBy.join(', ');
    const message = `${stableVersion} is stable at 100%; ${version} is not retired: VirtualService ${by} still refers to it; goes on by itself when it does not`;
    return { status: saying(status, 'UpToDate', message) };
  }
  if (leftover.hasOwnSubset) return { status, actions: [{ kind: 'removeSubset', target: mesh.target, version }] };
  const pods = byName(situation.observation.pods, version) ?? NO_PODS;
  if (!due.scales || pods.total === 0) return { status: done(situation, status, due) };
  if (leftover.reachedBy !== undefined) {
    const by = leftover.reachedBy.join(', ');
    const message = `${stableVersion} is stable at 100%; the pods of ${version} are not scaled to 0: VirtualService ${by} leads to all pods of the host, as it names no subset; goes on by itself when it does not`;
    return { status: saying(status, 'UpToDate', message) };
  }
  const actions: readonly Action[] = [{ kind: 'scaleToZero', target: mesh.target, version }];
  // A refused write is tried again; only one that went through ends it.
  return { status: situation.observation.writeError === undefined ? done(situation, status, due) : status, actions };
};

const done = ({ nowMs }: Situation, status: Resting, { version, since, scales }: Retirement): RolloutStatus => {
  const { stableVersion } = status;
  const what = scales ? 'nothing routes to it, and its Deployments are at 0' : 'nothing routes to it any more';
  const message = `${stableVersion} is stable at 100%; ${version} is retired: ${what}; nothing to do until the version changes`;
  const next = { ...status, retire: { version, since: since ?? isoMillis(nowMs), done: true } };
  const told = withHistory(next, nowMs, { from: version, to: stableVersion, action: 'retired', reason: 'Retired', message });
  return saying(told, 'Retired', message);
};
