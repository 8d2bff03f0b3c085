import type { StoredRollout } from '../../controller/ports.ts';
import { EXIT } from '../io.ts';

/**
 * Has this ended, and how? A spec that the controller has not seen yet has not; a spec that nothing can be done with is as
 * good as one that was put back. The answer is an exit code.
 */
export const endingOf = ({ generation, status }: StoredRollout): typeof EXIT.done | typeof EXIT.no | undefined => {
  if (status === undefined || (status.observedGeneration ?? 0) < generation) return undefined;
  if (status.phase === 'RolledBack' || status.phase === 'Invalid' || status.reason === 'InvalidSpec') return EXIT.no;
  return status.phase === 'Healthy' ? EXIT.done : undefined;
};
