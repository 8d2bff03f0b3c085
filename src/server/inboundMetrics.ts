import { Counter, type Registry } from 'prom-client';
import { VERBS } from '../rollout/index.ts';
import type { Outcome } from './problem.ts';

/** What is told of requests of other programs. */
export type InboundMetrics = {
  readonly answered: (via: string, outcome: Outcome) => void;
  /** `verb`: what somebody asked of a Rollout. */
  readonly requested: (verb: string, outcome: Outcome) => void;
  readonly pushed: (source: string, outcome: Outcome) => void;
  /** The channels and sources that there are. */
  readonly expect: (channels: readonly string[], sources: readonly string[]) => void;
};

const ANSWERS: readonly Outcome[] = [
  'recorded',
  'stale',
  'notAllowed',
  'repeated',
  'unknown',
  'notStored',
  'unauthenticated',
  'forbidden',
  'invalid',
  'tooMany',
  'unavailable',
  'failed',
];
/** Nobody is asked, so nobody answers twice, and the right is all that it needs. */
const REQUESTS = ANSWERS.filter(outcome => outcome !== 'repeated' && outcome !== 'notAllowed');
const PUSHES: readonly Outcome[] = ['woken', 'unauthenticated', 'invalid', 'tooMany', 'unavailable', 'failed'];

export const createInboundMetrics = (registry: Registry): InboundMetrics => {
  const registers = [registry];
  const answers = new Counter({
    name: 'sluice_approvals_total',
    help: 'Answers of people to requests for approval, and what became of them.',
    labelNames: ['via', 'outcome'],
    registers,
  });
  const pushes = new Counter({
    name: 'sluice_pushes_total',
    help: 'Push webhooks of Git servers, and what became of them.',
    labelNames: ['source', 'outcome'],
    registers,
  });
  const requests = new Counter({
    name: 'sluice_requests_total',
    help: 'Requests of people by the HTTP API to change a rollout, and what became of them.',
    labelNames: ['verb', 'outcome'],
    registers,
  });
  return {
    requested: (verb, outcome) => requests.inc({ verb, outcome }),
    answered: (via, outcome) => answers.inc({ via, outcome }),
    pushed: (source, outcome) => pushes.inc({ source, outcome }),
    expect: (channels, sources) => {
      // Prometheus sees no increase in the first value of a series.
      for (const via of channels) for (const outcome of ANSWERS) answers.inc({ via, outcome }, 0);
      for (const verb of VERBS) for (const outcome of REQUESTS) requests.inc({ verb, outcome }, 0);
      for (const source of sources) for (const outcome of PUSHES) pushes.inc({ source, outcome }, 0);
    },
  };
};
