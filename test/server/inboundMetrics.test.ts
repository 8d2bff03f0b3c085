import { expect, it } from 'vitest';
import { createMetrics } from '../../src/server/metrics.ts';

it('answers, pushes and requests are counted, with what became of them, from 0 on for all that is expected', async () => {
  const { inbound, text } = createMetrics({ now: () => 0 });
  inbound.expect(['api', 'slack'], ['fleet']);
  inbound.answered('slack', 'recorded');
  inbound.answered('slack', 'recorded');
  inbound.pushed('fleet', 'woken');
  inbound.requested('abort', 'recorded');
  const lines = (await text()).split('\n').filter(line => /^sluice_(?:approvals|pushes|requests)_total\{/.test(line));
  expect(lines).toHaveLength(2 * 12 + 6 + 5 * 10);
  expect(lines.filter(line => !line.endsWith(' 0'))).toEqual([
    'sluice_approvals_total{via="slack",outcome="recorded"} 2',
    'sluice_pushes_total{source="fleet",outcome="woken"} 1',
    'sluice_requests_total{verb="abort",outcome="recorded"} 1',
  ]);
});
