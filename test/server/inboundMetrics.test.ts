import { expect, it } from 'vitest';
import { createMetrics } from '../../src/server/metrics.ts';

it('answers and pushes are counted by channel and outcome, from 0 on for all that is expected', async () => {
  const { inbound, text } = createMetrics({ now: () => 0 });
  inbound.expect(['api', 'slack'], ['fleet']);
  inbound.answered('slack', 'recorded');
  inbound.answered('slack', 'recorded');
  inbound.pushed('fleet', 'woken');
  const lines = (await text()).split('\n').filter(line => /^sluice_(?:approvals|pushes)_total\{/.test(line));
  expect(lines).toHaveLength(2 * 12 + 6);
  expect(lines.filter(line => !line.endsWith(' 0'))).toEqual([
    'sluice_approvals_total{via="slack",outcome="recorded"} 2',
    'sluice_pushes_total{source="fleet",outcome="woken"} 1',
  ]);
});
