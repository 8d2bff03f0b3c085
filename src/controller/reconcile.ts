import {
  type Action,
  announcements,
  type Decision,
  decide,
  inProgress,
  isWorthStoring,
  type MeshObservation,
  type Observation,
  type ResolvedTarget,
  type RolloutStatus,
} from '../rollout/index.ts';
import { forgetFailure, mustWait, noteFailure, type WriteAction } from './backOff.ts';
import type { Measurer, Subject } from './measure.ts';
import type { Memory } from './memory.ts';
import { type Eyes, observe } from './observe.ts';
import {
  type Clock,
  type EventSink,
  type Key,
  type Logger,
  type RolloutStore,
  type StoredRollout,
  SystemError,
} from './ports.ts';

export type Hands = Eyes & {
  readonly store: RolloutStore;
  readonly measurer: Measurer;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after a status was stored; for telemetry. */
  readonly onStored: (rollout: StoredRollout, next: RolloutStatus) => void;
  /** May this process write at this moment? Asked directly before each write (R31). */
  readonly mayWrite: () => boolean;
};

/** When to look at this rollout again: at once, at a moment, or only when something changes. */
export type Again = { readonly kind: 'now' } | { readonly kind: 'at'; readonly atMs: number } | { readonly kind: 'onChange' };

/** So often in a row a conflict is decided again at once. */
const MOST_CONFLICTS = 5;
/** A status write that was refused is tried again after this, or as soon as the newer object has been seen. */
const STATUS_RETRY_MS = 1_000;
/** Without the lease nothing is looked at; it may come back at any moment, also without a change of holder (a late renewal). */
const LEASE_LOOK_MS = 1_000;
/** A decision that asks to be looked at again at once, without having changed anything, is not repeated faster than this. */
const MIN_WAIT_MS = 50;

/**
 * One round: observe, decide, act, then store the status. The mesh is written before the status, which is why position
 * and weight travel in one patch. `wake` is called when a measurement that was started here has come in.
 */
export const reconcile = async (hands: Hands, rollout: StoredRollout, memory: Memory, wake: () => void): Promise<Again> => {
  const nowMs = hands.clock.now();
  if (!hands.mayWrite()) return { kind: 'at', atMs: nowMs + LEASE_LOOK_MS };
  const observation = observe(hands, rollout, memory);
  const decision = decide(rollout, observation, nowMs);
  const logger = hands.logger.child({
    rollout: `${rollout.namespace}/${rollout.name}`,
    revision: decision.status.revision,
    step: decision.status.step?.index,
  });
  startMeasurements(hands, rollout, { decision, observation, memory }, wake);

  const writes = decision.actions.filter(isWrite);
  const isHeld = mustWait(memory, writes, nowMs);
  if (!isHeld) {
    try {
      await performAll(hands, rollout, writes, logger);
    } catch (error) {
      return failed(hands, rollout, { observation, memory, error, logger, decision, writes, startedMs: nowMs });
    }
    forgetFailure(memory, { writes, status: decision.status }, nowMs);
  }
  const isMended = observation.writeError !== undefined && memory.writeError === undefined;
  const isStored = await store(hands, rollout, isMended ? decide(rollout, withoutError(observation), nowMs) : decision, logger);
  if (isStored === 'stored' || (isStored === 'unchanged' && writes.length > 0 && !isHeld)) return { kind: 'now' };
  if (isStored !== 'unchanged') return { kind: 'at', atMs: nowMs + STATUS_RETRY_MS };
  return lookAgain(decision, isHeld ? memory.backOff?.retryAtMs : undefined, nowMs);
};

/** At the moment that the decision names; while a write is to be tried again, at that of the next try if it comes first. */
const lookAgain = ({ lookAgainAtMs, status }: Decision, retryAtMs: number | undefined, nowMs: number): Again => {
  if (retryAtMs === undefined && lookAgainAtMs === undefined) return { kind: 'onChange' };
  // On the way back nothing is measured, and "at once" means after the write: neither is a reason to look before the next try.
  const isOfUse = retryAtMs === undefined || (status.phase !== 'RollingBack' && (lookAgainAtMs ?? 0) > nowMs);
  const atMs = Math.min(retryAtMs ?? Number.POSITIVE_INFINITY, (isOfUse ? lookAgainAtMs : undefined) ?? Number.POSITIVE_INFINITY);
  return { kind: 'at', atMs: Math.max(atMs, nowMs + MIN_WAIT_MS) };
};

const withoutError = ({ writeError: _, ...observation }: Observation): Observation => observation;

const isWrite = (action: Action): action is WriteAction =>
  action.kind === 'ensureSubset' ||
  action.kind === 'setTraffic' ||
  action.kind === 'setFinalizer' ||
  action.kind === 'removeRequest';

/** Does this write take traffic away from the new version? */
const isProtective = (action: WriteAction): boolean =>
  action.kind === 'setTraffic' &&
  (action.position.state === 'safe' || action.position.reason === 'PodsLost' || action.position.reason === 'DriftPutDown');

/** Lowering one object does not wait for another that is refused; anything else ends with the first failure (R23, R29). */
const performAll = async (
  hands: Hands,
  rollout: StoredRollout,
  writes: readonly WriteAction[],
  logger: Logger,
): Promise<void> => {
  const failures: unknown[] = [];
  for (const action of writes) {
    try {
      await perform(hands, rollout, action, logger);
    } catch (error) {
      failures.push(error);
      if (!isProtective(action)) break;
    }
  }
  if (failures.length > 0) throw failures[0];
};

const perform = async (
  { router, store, mayWrite }: Hands,
  rollout: StoredRollout,
  action: WriteAction,
  logger: Logger,
): Promise<void> => {
  if (!mayWrite()) throw new SystemError('sluice', 'writing', 'refused', 'this process does not hold the lease any more');
  switch (action.kind) {
    case 'ensureSubset':
      await router.ensureSubset(action.target, action.version);
      logger.info({ version: action.version, destinationRule: action.target.destinationRule }, 'subset made sure');
      return;
    case 'setTraffic':
      await router.setTraffic(action, rollout.uid);
      logger.info(
        { object: action.object, weight: action.weight, reason: action.position.reason, seq: action.position.seq },
        'traffic set',
      );
      return;
    case 'setFinalizer':
      await store.setFinalizer(rollout, action.isWanted);
      return;
    case 'removeRequest':
      await store.removeRequest(rollout, action.request);
  }
};

type FailedRound = {
  readonly observation: Observation;
  readonly memory: Memory;
  readonly error: unknown;
  readonly logger: Logger;
  readonly decision: Decision;
  readonly writes: readonly WriteAction[];
  readonly startedMs: number;
};

/** A conflict means: look again at once. Everything else is retried with back-off, for ever, and told to people. */
const failed = async (
  hands: Hands,
  rollout: StoredRollout,
  { observation, memory, error, logger, decision, writes, startedMs }: FailedRound,
): Promise<Again> => {
  const { clock } = hands;
  if (error instanceof SystemError && error.kind === 'conflict' && memory.conflicts < MOST_CONFLICTS) {
    memory.conflicts += 1;
    logger.debug({ reason: error.message }, 'object changed meanwhile, deciding again');
    return { kind: 'now' };
  }
  const failedMs = clock.now();
  const { retryAtMs } = noteFailure(memory, { writes, status: decision.status }, [startedMs, failedMs]);
  memory.writeError = error instanceof Error ? error.message : String(error);
  logger.warn({ reason: memory.writeError, retryMs: retryAtMs - failedMs }, 'write failed');
  const told = decide(rollout, { ...observation, writeError: memory.writeError }, failedMs);
  await store(hands, rollout, told, logger);
  return lookAgain(decision, retryAtMs, clock.now());
};

const store = async (
  hands: Hands,
  rollout: StoredRollout,
  { status }: Decision,
  logger: Logger,
): Promise<'stored' | 'unchanged' | 'conflict' | 'failed'> => {
  const next = rollout.source === undefined ? status : { ...status, source: rollout.source };
  if (!isWorthStoring(rollout.status, next)) return 'unchanged';
  if (!hands.mayWrite()) return 'failed';
  try {
    await hands.store.writeStatus(rollout, next);
  } catch (error) {
    if (error instanceof SystemError && error.kind === 'conflict') return 'conflict';
    logger.warn({ reason: error instanceof Error ? error.message : String(error) }, 'status could not be stored');
    return 'failed';
  }
  logger.info({ phase: next.phase, reason: next.reason, weight: next.traffic?.weight, message: next.message }, 'status stored');
  hands.onStored(rollout, next);
  for (const event of announcements(rollout.uid, rollout.status, next))
    hands.events.emit(rollout, { ...event, name: `${rollout.name}.${event.name}` });
  return 'stored';
};

const startMeasurements = (
  { measurer }: Hands,
  rollout: StoredRollout,
  { decision, observation, memory }: { decision: Decision; observation: Observation; memory: Memory },
  wake: () => void,
): void => {
  for (const action of decision.actions) {
    if (action.kind === 'measureReference' && observation.mesh.kind === 'resolved') {
      const between = { stable: action.stable, canary: action.canary };
      measurer.measureReference(subjectOf(rollout, observation.mesh, memory, between), action, wake);
    }
    const { plan, target, gates } = decision.status;
    if ((action.kind === 'measure' || action.kind === 'measureShare') && plan && target) {
      const mesh: MeshObservation =
        observation.mesh.kind === 'resolved' ? observation.mesh : { kind: 'resolved', target, objects: [], subsets: {} };
      const subject: Subject = {
        ...subjectOf(rollout, mesh, memory, target),
        plan,
        stored:
          inProgress(rollout.status) && rollout.status.step.startedAt === decision.status.step?.startedAt ? (gates ?? []) : [],
      };
      if (action.kind === 'measure') measurer.measure(subject, action, wake);
      else measurer.measureShare(subject, action, wake);
    }
  }
};

const subjectOf = (
  rollout: StoredRollout,
  mesh: Extract<MeshObservation, { kind: 'resolved' }>,
  memory: Memory,
  { stable, canary }: { stable: string; canary: string },
): Omit<Subject, 'plan' | 'stored'> => {
  const selector = (version: string): Subject['stable'] => ({
    version,
    subset: mesh.subsets[version]?.name ?? version,
    workloads: [...(memory.workloads.get(version) ?? [])].sort(),
  });
  return {
    memory,
    host: mesh.target.host,
    stable: selector(stable),
    canary: selector(canary),
    templateValues: templateValues(rollout, mesh.target, { stable, canary }),
  };
};

/** The names that queries may use. */
const templateValues = (
  rollout: StoredRollout,
  target: ResolvedTarget,
  { stable, canary }: { stable: string; canary: string },
): Subject['templateValues'] => {
  const { status } = rollout;
  return {
    namespace: rollout.namespace,
    name: rollout.name,
    host: target.host,
    stable,
    canary,
    version: canary,
    step: status?.step?.index ?? 0,
    steps: status?.step?.count ?? 0,
    weight: status?.traffic?.weight ?? 0,
    interval: `${Math.round((status?.plan?.intervalMs ?? 15_000) / 1000)}s`,
    commit: rollout.source?.revision ?? '',
  };
};

/** The key of a rollout in caches and queues. */
export const keyOf = ({ namespace, name }: { namespace: string; name: string }): Key => `${namespace}/${name}`;
