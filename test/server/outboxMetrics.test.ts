import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/server/metrics.ts';

const scrape = async (metrics: ReturnType<typeof createMetrics>): Promise<readonly string[]> =>
  (await metrics.text()).split('\n').filter(line => line.startsWith('sluice_notifications'));

describe('metrics of messages', () => {
  it('count what became of them, and how many wait, by receiver', async () => {
    const metrics = createMetrics({ now: () => 0 });
    const depths = { 'webhook/audit': 2, 'webhook/pager': 0 };
    metrics.outbox.watch(() => depths);
    metrics.outbox.message('webhook/audit', 'failed');
    metrics.outbox.message('webhook/pager', 'sent');
    expect(await scrape(metrics)).toEqual([
      'sluice_notifications_total{receiver="webhook/audit",outcome="sent"} 0',
      'sluice_notifications_total{receiver="webhook/audit",outcome="failed"} 1',
      'sluice_notifications_total{receiver="webhook/audit",outcome="dropped"} 0',
      'sluice_notifications_total{receiver="webhook/pager",outcome="sent"} 1',
      'sluice_notifications_total{receiver="webhook/pager",outcome="failed"} 0',
      'sluice_notifications_total{receiver="webhook/pager",outcome="dropped"} 0',
      'sluice_notifications_waiting{receiver="webhook/audit"} 2',
      'sluice_notifications_waiting{receiver="webhook/pager"} 0',
    ]);
    depths['webhook/audit'] = 0;
    expect(await scrape(metrics)).toContain('sluice_notifications_waiting{receiver="webhook/audit"} 0');
  });
});
