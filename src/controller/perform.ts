import type { Action } from '../rollout/index.ts';
import type { WriteAction } from './backOff.ts';
import { type Logger, type RolloutStore, type Router, type StoredRollout, SystemError, type Workloads } from './ports.ts';

/** All that a decision can write with. */
export type Writers = {
  readonly router: Router;
  readonly store: RolloutStore;
  readonly workloads: Workloads;
  /** May this process write at this moment? Asked directly before each write (R31). */
  readonly mayWrite: () => boolean;
};

const WRITES: Readonly<Record<WriteAction['kind'], true>> = {
  ensureSubset: true,
  setTraffic: true,
  removeDestination: true,
  removeSubset: true,
  scaleToZero: true,
  setFinalizer: true,
  removeRequest: true,
};

export const isWrite = (action: Action): action is WriteAction => Object.hasOwn(WRITES, action.kind);

/** Does this write take traffic away from the new version? */
const isProtective = (action: WriteAction): boolean =>
  action.kind === 'setTraffic' &&
  (action.position.state === 'safe' || action.position.reason === 'PodsLost' || action.position.reason === 'DriftPutDown');

/** Lowering one object waits for nothing that is refused; anything else ends with the first failure (R23, R29). */
export const performAll = async (
  writers: Writers,
  rollout: StoredRollout,
  writes: readonly WriteAction[],
  logger: Logger,
): Promise<void> => {
  const failures: unknown[] = [];
  let isHeld = false;
  for (const action of writes) {
    if (isHeld && !isProtective(action)) continue;
    try {
      await perform(writers, rollout, action, logger);
    } catch (error) {
      failures.push(error);
      isHeld ||= !isProtective(action);
    }
  }
  if (failures.length > 0) throw failures[0];
};

const perform = async (writers: Writers, rollout: StoredRollout, action: WriteAction, logger: Logger): Promise<void> => {
  const { router, store, mayWrite } = writers;
  if (!mayWrite()) throw new SystemError('sluice', 'writing', 'refused', 'this process does not hold the lease any more');
  switch (action.kind) {
    case 'ensureSubset':
      await router.ensureSubset(action.target, action.version);
      logger.info({ version: action.version, destinationRule: action.target.destinationRule }, 'subset made sure');
      return;
    case 'setTraffic':
      await router.setTraffic(action, rollout);
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
      return;
    default:
      await retire(writers, rollout, action, logger);
  }
};

/** The writes that take away what a version has left behind (R21). */
const retire = async (
  { router, workloads }: Writers,
  rollout: StoredRollout,
  action: Extract<WriteAction, { kind: 'removeDestination' | 'removeSubset' | 'scaleToZero' }>,
  logger: Logger,
): Promise<void> => {
  const { kind, target, version } = action;
  switch (kind) {
    case 'removeDestination':
      await router.removeDestination(action, rollout);
      logger.info({ object: action.object, version, seq: action.position.seq }, 'destination removed');
      return;
    case 'removeSubset':
      await router.removeSubset(target, version);
      logger.info({ version, destinationRule: target.destinationRule }, 'subset removed');
      return;
    case 'scaleToZero': {
      const { namespace } = rollout;
      const deployments = await workloads.scaleToZero({
        namespace,
        host: target.host,
        versionLabel: target.versionLabel,
        version,
      });
      logger.info({ version, deployments }, 'scaled to 0');
    }
  }
};
