import { Counter, Gauge, type Registry } from 'prom-client';

/** What is told of messages to receivers outside. */
export type OutboxMetrics = {
  readonly message: (receiver: string, outcome: 'sent' | 'failed' | 'dropped') => void;
  /** Connects what is read at each scrape: messages that wait, by receiver. */
  readonly watch: (depths: () => Readonly<Record<string, number>>) => void;
};

export const createOutboxMetrics = (registry: Registry): OutboxMetrics => {
  const registers = [registry];
  const messages = new Counter({
    name: 'sluice_notifications_total',
    help: 'Messages to receivers outside: sent, failed tries, and dropped ones.',
    labelNames: ['receiver', 'outcome'],
    registers,
  });
  return {
    message: (receiver, outcome) => messages.inc({ receiver, outcome }),
    watch: depths => {
      // Prometheus sees no increase in the first value of a series.
      for (const receiver of Object.keys(depths()))
        for (const outcome of ['sent', 'failed', 'dropped']) messages.inc({ receiver, outcome }, 0);
      new Gauge({
        name: 'sluice_notifications_waiting',
        help: 'Messages that wait to be sent.',
        labelNames: ['receiver'],
        registers,
        collect() {
          for (const [receiver, depth] of Object.entries(depths())) this.set({ receiver }, depth);
        },
      });
    },
  };
};
