import type { JudgedGate } from './progress.ts';
import type { Walked } from './walk.ts';

/** What a rollout would have done in this time, and because of which gates. */
export type Outcome =
  | {
      readonly kind: 'rolledBack' | 'paused';
      readonly atMs: number;
      readonly requests: number;
      readonly gates: readonly string[];
    }
  /** At the end every gate passes that applies. */
  | { readonly kind: 'passed'; readonly gates: readonly [] }
  /** It would have waited at the end for these gates. */
  | { readonly kind: 'undecided' | 'providerFailed'; readonly gates: readonly string[] }
  /** There was nothing to judge. */
  | { readonly kind: 'noData'; readonly gates: readonly [] };

/** The first failure decides; then a provider that does not answer, then missing data. */
export const outcomeOf = ({ gates, requests }: Pick<Walked, 'gates' | 'requests'>): Outcome => {
  const failed = gates.flatMap(({ plan, failed }) => (failed === undefined ? [] : [{ plan, ...failed }]));
  for (const kind of ['rolledBack', 'paused'] as const) {
    const of = failed.filter(({ plan }) => (plan.onFailure === 'pause') === (kind === 'paused'));
    const [first] = [...of].sort((a, b) => a.atMs - b.atMs);
    if (first === undefined) continue;
    const { atMs } = first;
    return { kind, atMs, requests: first.requests, gates: of.filter(gate => gate.atMs === atMs).map(({ plan }) => plan.name) };
  }
  const unanswered = named(gates, ['Error']);
  if (unanswered.length > 0) return { kind: 'providerFailed', gates: unanswered };
  if (requests.canary === 0) return { kind: 'noData', gates: [] };
  const waiting = named(gates, ['NoData', 'Pending']);
  return waiting.length > 0 ? { kind: 'undecided', gates: waiting } : { kind: 'passed', gates: [] };
};

const named = (gates: readonly JudgedGate[], verdicts: readonly string[]): readonly string[] =>
  gates.filter(({ state }) => verdicts.includes(state.verdict)).map(({ plan }) => plan.name);
