import type { Truth } from '../truth.ts';

/** What holds in a world until an event changes it; shares in percent. */
export class Conditions {
  requestsPerSecond: number;
  readonly errors = new Map<string, number>();
  readonly slow = new Map<string, number>();
  unattributed = 0;
  arriving = 100;
  disobeyed = 0;
  readonly queries = new Map<string, number>();
  readonly webhooks = new Map<string, 'pass' | 'fail' | 'nodata'>();
  /** Providers (`prometheus`, `prometheus/shop`) or gates. */
  down: readonly string[] = [];
  empty: readonly string[] = [];
  readonly answerMs = new Map<string, number>();

  constructor(requestsPerSecond: number) {
    this.requestsPerSecond = requestsPerSecond;
  }

  /** As the providers of a world see it now. */
  truth(): Truth {
    const errors = new Map(this.errors);
    const slow = new Map(this.slow);
    const queries = new Map(this.queries);
    const webhooks = new Map(this.webhooks);
    const answerMs = new Map(this.answerMs);
    const { requestsPerSecond, unattributed, arriving, disobeyed, down, empty } = this;
    return {
      requestsPerSecond,
      errors: version => (errors.get(version) ?? 0) / 100,
      slow: version => (slow.get(version) ?? 0) / 100,
      unattributed: () => unattributed / 100,
      arriving: () => arriving / 100,
      disobeyedShare: () => disobeyed / 100,
      query: name => queries.get(name),
      webhook: name => webhooks.get(name),
      down: (name, _ms, provider) => down.some(wanted => isMeant(wanted, name, provider)),
      empty: (name, _ms, provider) => empty.some(wanted => isMeant(wanted, name, provider)),
      answerMs: provider => [...answerMs].find(([wanted]) => isMeant(wanted, '', provider))?.[1] ?? ANSWER_MS,
    };
  }
}

const ANSWER_MS = 200;

const isMeant = (wanted: string, gate: string, provider: string): boolean =>
  wanted === gate || wanted === provider || provider.startsWith(`${wanted}/`);
