import type { About, Pressed } from '../requests.ts';
import type { Wire, WireAnswer } from '../wire.ts';
import type { SecurityWorld } from '../world.ts';

/** What every case finds: three Rollouts that wait for people, and the buttons that ask for them. */
export type Scene = {
  readonly world: SecurityWorld;
  /** Waits for three of alice, carol, those of the group release, and the change board. */
  readonly victim: About;
  /** In the same namespace, with other approvers. */
  readonly other: About;
  /** In another namespace, under the same name. */
  readonly market: About;
  readonly button: (about: About, decision?: 'approve' | 'reject') => Pressed;
};

/** Something that somebody tries who may not; nothing may be accepted, and nothing may be changed. */
export type Case = {
  readonly name: string;
  /** What is sent, or what sends it by itself. */
  readonly attempt: (scene: Scene) => Wire | Promise<WireAnswer>;
  /** What the sender may be told; 0: nothing, the connection is closed. */
  readonly codes: readonly number[];
  /** Slack hears nothing but 200; what became of it is counted under this name. */
  readonly outcome?: 'stale' | 'notAllowed' | 'repeated' | 'unknown' | 'unauthenticated' | 'invalid' | 'forbidden';
};

export type Group = { readonly group: string; readonly cases: readonly Case[] };

/** A table of requests that are all answered in the same way. */
export const refusedWith = (codes: readonly number[], attempts: Readonly<Record<string, Case['attempt']>>): readonly Case[] =>
  Object.entries(attempts).map(([name, attempt]) => ({ name, attempt, codes }));
