import { refusalOf, VERBS, type Verb } from '../people/request.ts';
import type { RolloutStatus } from '../status.ts';

export type ActionView = {
  readonly verb: Verb;
  /** Why it would be refused now; absent: it would be taken. */
  readonly refusal?: string;
};

export const actionsOf = (status: RolloutStatus, nowMs: number): readonly ActionView[] =>
  VERBS.map(verb => {
    const { revision, step } = status;
    const named = { ...(revision === undefined ? {} : { revision }), ...(step === undefined ? {} : { step: step.index }) };
    const refusal = refusalOf({ id: '', raw: '', verb, force: false, ...named }, status, nowMs);
    return { verb, ...(refusal === undefined ? {} : { refusal }) };
  });
