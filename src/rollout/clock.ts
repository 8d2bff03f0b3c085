import type { Observation } from './observation.ts';

/**
 * How much later something ends that began at `sinceMs`, because the clock was set forward meanwhile: an hour that nobody
 * lived through ends no pause and no deadline (R4). A clock that is set back makes both last longer, which harms nobody.
 */
export const setForwardMs = (sinceMs: number, { clockJumps = [] }: Pick<Observation, 'clockJumps'>): number =>
  clockJumps.reduce((sum, { atMs, byMs }) => (byMs > 0 && sinceMs <= atMs - byMs ? sum + byMs : sum), 0);
