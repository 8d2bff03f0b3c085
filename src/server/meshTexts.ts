import { setTimeout as delay } from 'node:timers/promises';
import type { StoredRollout } from '../controller/ports.ts';
import type { MeshPreview } from '../controller/view-ports.ts';
import type { Newest } from './newest.ts';
import { keyOf } from './place.ts';
import { Problem } from './problem.ts';

/** Rests of the time that something took; so those who look on get a fifth of this process at most. */
const RESTS = 4;
/** Rollouts that somebody waits for. */
const MOST_WAITING = 50;

/**
 * The mesh objects of a Rollout as JSON. To work that out takes tens of milliseconds where there are many routes, in which
 * nothing goes back; so it is done for one Rollout after the other, with rests between, and once for all who wait for the
 * same. Throws Problem 503.
 */
export const createMeshTexts = (
  { preview }: MeshPreview,
  newest: Pick<Newest, 'get'>,
): ((rollout: StoredRollout) => Promise<string>) => {
  const waiting = new Map<string, Promise<string>>();
  let turn: Promise<unknown> = Promise.resolve();
  let restUntilMs = 0;

  const textOf = async (key: string, rollout: StoredRollout, before: Promise<unknown>): Promise<string> => {
    await before;
    const restMs = restUntilMs - performance.now();
    if (restMs > 0) await delay(restMs);
    // whoever comes from now on wants to see what is from now on
    waiting.delete(key);
    const startedMs = performance.now();
    try {
      return JSON.stringify(preview(newest.get(key) ?? rollout));
    } finally {
      const endedMs = performance.now();
      restUntilMs = endedMs + RESTS * (endedMs - startedMs);
    }
  };

  return rollout => {
    const key = keyOf(rollout);
    const known = waiting.get(key);
    if (known !== undefined) return known;
    if (waiting.size >= MOST_WAITING) throw new Problem(503, 'too many ask what the mesh will be; try again');
    const text = textOf(key, rollout, turn);
    turn = text.catch(() => undefined);
    waiting.set(key, text);
    return text;
  };
};
