import {
  announcements,
  type Decision,
  decide,
  isWorthStoring,
  type MeshObservation,
  type Observation,
  type RolloutStatus,
  withEvidence,
} from '../rollout/index.ts';
import { forgetFailure, mustWait, noteFailure, type WriteAction } from './backOff.ts';
import type { EvidenceKeeper, PreparedEvidence } from './evidence.ts';
import type { Measurer } from './measure.ts';
import type { Memory } from './memory.ts';
import { type Eyes, observe } from './observe.ts';
import { isWrite, performAll, type Writers } from './perform.ts';
import { type Clock, type EventSink, type Key, type Logger, type StoredRollout, SystemError } from './ports.ts';
import { sidesOf, subjectOf } from './subject.ts';

export type Hands = Eyes &
  Writers & {
    readonly measurer: Measurer;
    readonly events: EventSink;
    /** Absent: no evidence is kept. */
    readonly evidence?: EvidenceKeeper;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Called after a status was stored; for telemetry. */
    readonly onStored: (rollout: StoredRollout, next: RolloutStatus) => void;
    /** Called in every round whose writes did not fail, whether or not its status is stored; must be cheap. */
    readonly onDecided?: (rollout: StoredRollout, status: RolloutStatus) => void;
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
  const seen = isMended ? withoutError(observation) : observation;
  const decided = isMended ? decide(rollout, seen, nowMs) : decision;
  const evidence = hands.evidence?.prepare(rollout, { observation: seen, decision: decided, nowMs, isDone: !isHeld });
  if (!isHeld) hands.onDecided?.(rollout, decided.status);
  // What was written has happened, whether or not the status can tell of it.
  if (!isHeld && writes.some(({ kind }) => kind === 'setTraffic')) evidence?.keep();
  const isStored = await store(hands, rollout, { ...decided, evidence }, logger);
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
  const seen = { ...observation, writeError: memory.writeError };
  const told = decide(rollout, seen, failedMs);
  const evidence = hands.evidence?.prepare(rollout, { observation: seen, decision: told, nowMs: failedMs, isDone: false });
  await store(hands, rollout, { ...told, evidence }, logger);
  return lookAgain(decision, retryAtMs, clock.now());
};

const store = async (
  hands: Hands,
  rollout: StoredRollout,
  { status, evidence }: Decision & { readonly evidence: PreparedEvidence | undefined },
  logger: Logger,
): Promise<'stored' | 'unchanged' | 'conflict' | 'failed'> => {
  const proven = evidence === undefined ? status : withEvidence(rollout.status, status, evidence.digest);
  const next = rollout.source === undefined ? proven : { ...proven, source: rollout.source };
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
  evidence?.keep();
  hands.onStored(rollout, next);
  for (const event of announcements(rollout.uid, rollout.status, next))
    hands.events.emit({ ...rollout, status: next }, { ...event, name: `${rollout.name}.${event.name}` });
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
      measurer.measureReference(sidesOf(observation.mesh, memory, between), action, wake);
    }
    if (action.kind === 'measureShare' && action.between !== undefined && observation.mesh.kind === 'resolved') {
      measurer.measureShare(sidesOf(observation.mesh, memory, action.between), action, wake);
    }
    const { plan, target } = decision.status;
    if ((action.kind === 'measure' || action.kind === 'measureShare') && plan && target) {
      const mesh: Extract<MeshObservation, { kind: 'resolved' }> =
        observation.mesh.kind === 'resolved' ? observation.mesh : { kind: 'resolved', target, objects: [], subsets: {} };
      const subject = subjectOf(rollout, mesh, memory, { ...decision.status, plan, target });
      if (action.kind === 'measure') measurer.measure(subject, action, wake);
      else measurer.measureShare(subject, action, wake);
    }
  }
};

/** The key of a rollout in caches and queues. */
export const keyOf = ({ namespace, name }: { namespace: string; name: string }): Key => `${namespace}/${name}`;
