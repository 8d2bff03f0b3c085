import type { Action } from '../action.ts';
import { byName } from '../byName.ts';
import { durationOr, isoMillis } from '../duration.ts';
import { countOf } from '../explain.ts';
import { highestSeq } from '../mesh/position.ts';
import type { MeshObservation, SteeredObject } from '../observation.ts';
import { type Outcome, saying, withHistory } from '../outcome.ts';
import { withOutcome } from '../people/request.ts';
import type { Situation } from '../situation.ts';
import type { RolloutStatus, Target, WaitingFor } from '../status.ts';

/** What a Rollout without a stable version finds (R7). */
type Found =
  | { readonly kind: 'stable'; readonly version: string; readonly message: string }
  | { readonly kind: 'split'; readonly stable: string; readonly message: string }
  | { readonly kind: 'pin'; readonly version: string }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'wait'; readonly message: string; readonly what: WaitingFor['what'] };

const UNPINNED = '*';
const PIN_REVISION = 'adopt';

/**
 * Finds out which version is stable before anything moves (R7): what the mesh pins everything to, else `initialVersion`,
 * else the only version with pods (which is pinned first), else, when nothing runs or routes yet, the desired version.
 * Answers with a stable version in the status, or with what is missing.
 */
export const adopt = (situation: Situation): Outcome => {
  const { request, nowMs, rollout } = situation;
  const found = find(situation);
  const outcome = taken(situation, found);
  if (request?.verb !== 'promote' || found.kind === 'pin') return outcome;
  const { status } = outcome;
  const isPinned = found.kind === 'stable' && found.version === rollout.spec.version;
  const answer = isPinned ? `accepted: ${found.version} is stable` : `refused: there is nothing to choose: ${status.message}`;
  return { ...outcome, status: withOutcome(status, request, answer, nowMs) };
};

const taken = (situation: Situation, found: Found): Outcome => {
  const { rollout, nowMs, stored } = situation;
  const empty: RolloutStatus = { ...stored, phase: 'Pending', reason: 'Adopted', message: '' };
  switch (found.kind) {
    case 'stable':
    case 'split': {
      const stable = found.kind === 'stable' ? found.version : found.stable;
      const adopted = {
        ...empty,
        stableVersion: stable,
        phase: stable === rollout.spec.version ? ('Healthy' as const) : ('Pending' as const),
      };
      const told = withHistory(adopted, nowMs, { to: stable, action: 'adopted', reason: 'Adopted', message: found.message });
      return { status: saying(told, 'Adopted', found.message), lookAgainAtMs: nowMs };
    }
    case 'pin':
      return pin(situation, empty, found.version);
    case 'wait':
      return {
        status: saying(empty, found.what === 'pin' ? 'PinNeeded' : 'WaitingForMesh', found.message, { what: found.what }),
      };
    case 'invalid':
      return { status: { ...saying(empty, 'InvalidSpec', found.message, { what: 'person' }), phase: 'Invalid' } };
  }
};

const find = (situation: Situation): Found => {
  const { observation, rollout, problems } = situation;
  const { initialVersion, version } = rollout.spec;
  if (observation.olderRival !== undefined) {
    const [problem] = problems;
    return { kind: 'invalid', message: `${problem?.path} ${problem?.message}; nothing is adopted until then` };
  }
  const running = Object.keys(observation.pods).filter(name => (observation.pods[name]?.total ?? 0) > 0);
  const { mesh } = observation;
  if (mesh.kind === 'problem') {
    if (!mesh.nothingRoutes || running.length > 0) return { kind: 'wait', what: 'mesh', message: mesh.message };
    return { kind: 'stable', version, message: `nothing runs or routes yet: ${version} is stable as it is` };
  }
  const shares = liveShares(mesh);
  const names = Object.keys(shares);
  const [only] = names;
  if (names.length === 1 && only !== undefined && only !== UNPINNED) {
    return { kind: 'stable', version: only, message: `${only} has all traffic and is stable` };
  }
  if (names.length === 0)
    return { kind: 'wait', what: 'mesh', message: 'the VirtualService sends nothing to any version of this host' };
  const uneven = unevenSplit(mesh);
  if (uneven !== undefined && !names.includes(UNPINNED)) return { kind: 'wait', what: 'pin', message: uneven };
  if (!names.includes(UNPINNED)) return findSplit(shares, initialVersion, version);
  const chosen = initialVersion ?? pinnedBefore(mesh);
  if (chosen !== undefined) return { kind: 'pin', version: chosen };
  const [first] = running;
  if (running.length === 1 && first !== undefined) return { kind: 'pin', version: first };
  if (running.length === 0) return { kind: 'stable', version, message: `nothing runs yet: ${version} is stable as it is` };
  if (situation.request?.verb === 'promote') return { kind: 'pin', version };
  const live = running.map(name => `${name} (${countOf(observation.pods[name]?.ready ?? 0, 'ready pod')})`).join(', ');
  return {
    kind: 'wait',
    what: 'pin',
    message: `${live} take traffic and nothing says which one is stable: set spec.initialVersion to one of them, or promote to take ${version}`,
  };
};

/** The mesh splits explicitly: with `initialVersion` it is taken over as it stands. */
const findSplit = (shares: Readonly<Record<string, number>>, initial: string | undefined, version: string): Found => {
  const names = Object.keys(shares);
  const seen = names.map(name => `${name} ${Math.round(shares[name] ?? 0)}%`).join(', ');
  if (initial === undefined)
    return {
      kind: 'wait',
      what: 'pin',
      message: `the mesh splits traffic (${seen}): set spec.initialVersion to the version that is stable`,
    };
  const others = names.filter(name => name !== initial);
  const fits = names.includes(initial) && others.length === 1 && others[0] === version;
  if (fits)
    return {
      kind: 'split',
      stable: initial,
      message: `the mesh splits traffic (${seen}); ${initial} is stable as spec.initialVersion says`,
    };
  return {
    kind: 'wait',
    what: 'pin',
    message: `the mesh splits traffic (${seen}), expected only ${initial} (spec.initialVersion) and ${version} (spec.version)`,
  };
};

/** Shares in percent of the versions that take traffic, on average over all objects. */
const liveShares = ({ objects }: Extract<MeshObservation, { kind: 'resolved' }>): Readonly<Record<string, number>> => {
  const shares = new Map<string, number>();
  for (const object of objects) {
    for (const [name, share] of sharesOf(object)) shares.set(name, (shares.get(name) ?? 0) + share / objects.length);
  }
  return Object.fromEntries(shares);
};

const sharesOf = ({ weights }: SteeredObject): readonly (readonly [string, number])[] => {
  const total = Object.values(weights.versions).reduce((sum, weight) => sum + weight, 0);
  return Object.entries(weights.versions).flatMap(([name, weight]) =>
    weight > 0 ? [[name, (100 * weight) / total] as const] : [],
  );
};

/** Objects that split in different ways cannot stand at one step as they are, and nobody asked for either to be moved. */
const unevenSplit = ({ objects }: Extract<MeshObservation, { kind: 'resolved' }>): string | undefined => {
  const seen = objects.map(object => ({ name: object.name, shares: sharesOf(object) })).filter(({ shares }) => shares.length > 0);
  // a step has whole percents
  const kinds = seen.map(({ shares }) => splitSentence(shares, Math.floor));
  if (new Set(kinds).size <= 1) return undefined;
  const all = seen
    .map(({ name, shares }) => `${name}: ${splitSentence(shares, share => Math.round(share * 10) / 10)}`)
    .join('; ');
  return `the routing objects split traffic in different ways (${all}): give them the same weights, or send everything to the stable version`;
};

const splitSentence = (shares: readonly (readonly [string, number])[], shown: (share: number) => number): string =>
  [...shares]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, share]) => `${name} ${shown(share)}%`)
    .join(', ');

const isUnpinned = ({ weights }: SteeredObject): boolean => (weights.versions[UNPINNED] ?? 0) > 0;

/** The version that an earlier look has pinned some of several objects to, before the process died. */
const pinnedBefore = ({ objects }: Extract<MeshObservation, { kind: 'resolved' }>): string | undefined => {
  const pinned = objects.find(object => object.position?.revision === PIN_REVISION && !isUnpinned(object));
  return Object.entries(pinned?.weights.versions ?? {}).find(([, weight]) => weight > 0)?.[0];
};

/** Without a pin a new version would take traffic the moment its pods are ready: subset, settle, then all to it. */
const pin = (situation: Situation, status: RolloutStatus, version: string): Outcome => {
  const { observation, nowMs, rollout } = situation;
  const { mesh } = observation;
  if (mesh.kind === 'problem') return { status };
  const target: Target = { ...mesh.target, stable: version, canary: version };
  const told = saying(status, 'Pinning', `pinning all traffic to ${version}, which is what runs`, { what: 'pin' });
  if ((byName(observation.pods, version)?.ready ?? 0) === 0) {
    return {
      status: saying(
        status,
        'WaitingForPods',
        `${version} is to be pinned and has no ready pod; goes on by itself when one is, or set spec.initialVersion to a version that runs`,
        { what: 'pods' },
      ),
    };
  }
  const subset = byName(mesh.subsets, version);
  const settleMs = durationOr(rollout.spec.router?.istio?.settle, 2_000);
  if (subset === undefined) {
    if (rollout.spec.router?.istio?.createMissing === 'none') {
      return {
        status: saying(
          status,
          'WaitingForMesh',
          `DestinationRule for ${target.host} has no subset for ${version}; add it, or set createMissing: subset`,
          { what: 'mesh' },
        ),
      };
    }
    return { status: told, actions: [{ kind: 'ensureSubset', target, version }], lookAgainAtMs: nowMs + settleMs };
  }
  if (nowMs < subset.seenAtMs + settleMs) return { status: told, lookAgainAtMs: subset.seenAtMs + settleMs };
  return { status: told, actions: mesh.objects.filter(isUnpinned).map(object => pinWrite(situation, target, object)) };
};

const pinWrite = ({ observation, nowMs, stored }: Situation, target: Target, object: SteeredObject): Action => ({
  kind: 'setTraffic',
  target,
  object: object.name,
  resourceVersion: object.resourceVersion,
  weight: 0,
  position: {
    seq: highestSeq(stored, [object]) + 1,
    revision: PIN_REVISION,
    plan: '',
    step: 0,
    weight: 0,
    state: 'done',
    reason: 'Pinning',
    time: isoMillis(nowMs),
    epoch: observation.epoch,
  },
});
