import type { RolloutStatus } from '../../rollout/index.ts';
import type { View } from './view.ts';
import type { DemoWorld } from './world.ts';

const LOOK_EVERY_MS = 250;

/** Where a story is told: to whom, in which world, and until when it is wanted. */
export type Telling = { readonly view: View; readonly world: DemoWorld; readonly signal: AbortSignal };

/** Shows the rollout until it is where it should be; `undefined` when time is up or Ctrl-C was pressed. */
export const until = async (
  { view, world, signal }: Telling,
  withinMs: number,
  isThere: (status: RolloutStatus) => boolean,
): Promise<RolloutStatus | undefined> => {
  const endMs = Date.now() + withinMs;
  while (Date.now() < endMs && !signal.aborted) {
    const status = await world.status();
    view.show(status);
    if (status !== undefined && isThere(status)) return status;
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return undefined;
};
