import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/controller/channel-ports.ts';
import { json, type Loopback, listen } from '../adapters/http/loopback.ts';
import { until } from '../sandbox/client.ts';
import { workloadOf } from './app.ts';
import { openWorld, type World } from './world.ts';

/** What is posted beside the message itself. */
type Told = Message & { readonly kind: string; readonly text: string };
type Taken = { readonly message: Told; readonly headers: Readonly<Record<string, unknown>>; readonly body: string };

/** A receiver of messages; while it hangs, it takes requests and does not answer them. */
const openReceiver = async (): Promise<Loopback & { taken: Taken[]; hang(): void; answer(status: number): void }> => {
  const taken: Taken[] = [];
  const held: ServerResponse[] = [];
  let isHung = false;
  const server = await listen(({ request, body }, response) => {
    if (isHung) {
      held.push(response);
      return;
    }
    taken.push({ message: JSON.parse(body), headers: request.headers, body });
    response.writeHead(204).end();
  });
  return {
    ...server,
    taken,
    hang: () => {
      isHung = true;
    },
    /** Answers what it held, and takes everything from now on. */
    answer: status => {
      isHung = false;
      for (const response of held.splice(0)) json(response, {}, status);
    },
  };
};

const reasonsOf = (taken: readonly Taken[], namespace: string): readonly string[] =>
  taken.filter(({ message }) => message.namespace === namespace).map(({ message }) => message.reason);
const idsOf = (taken: readonly Taken[], namespace: string): readonly string[] =>
  taken.filter(({ message }) => message.namespace === namespace).map(({ message }) => message.id);
const LONG = { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '10m' } }] } } };

describe('messages to webhooks', () => {
  let world: World;
  let audit: Awaited<ReturnType<typeof openReceiver>>;
  let pager: Awaited<ReturnType<typeof openReceiver>>;
  let config: object;
  beforeAll(async () => {
    world = await openWorld();
    [audit, pager] = await Promise.all([openReceiver(), openReceiver()]);
    const secretFile = join(world.folder, 'secret');
    await writeFile(secretFile, 'sesame\n');
    config = {
      server: { publicUrl: 'https://sluice.example.com/' },
      notify: {
        webhooks: [
          { name: 'audit', url: `${audit.url}/hooks/audit`, secretFile },
          { name: 'pager', url: pager.url, events: ['Started', 'GateFailed'] },
        ],
      },
    };
  });
  afterAll(async () => {
    await world.close();
    await Promise.all([audit.close(), pager.close()]);
  });

  it('R23, R35: a webhook that hangs delays neither a rollback nor another receiver, and gets everything once it answers', async () => {
    audit.hang();
    const controller = await world.controller({ config, namespaces: ['hung'] });
    const app = await world.app('hung');
    world.sandbox.control.setFault(workloadOf('hung', 'v2'), { errorRate: 0.5 });
    await app.roll('v2', LONG);
    await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    await until(
      async () => (reasonsOf(pager.taken, 'hung').filter(reason => reason === 'GateFailed').length >= 2 ? true : undefined),
      'pager',
    );
    expect(reasonsOf(pager.taken, 'hung')).toEqual(['Started', 'GateFailed', 'GateFailed']);
    expect(audit.taken).toEqual([]);
    const metrics = await (await fetch(`http://${controller.address}/metrics`)).text();
    const [, waiting] = /^sluice_notifications_waiting\{receiver="webhook\/audit"\} (\d+)$/m.exec(metrics) ?? [];
    expect(Number(waiting)).toBeGreaterThan(3);
    expect(metrics).toContain('sluice_notifications_total{receiver="webhook/pager",outcome="sent"} 3');

    audit.answer(503);
    const events = await app.events();
    await until(async () => (reasonsOf(audit.taken, 'hung').length >= events.length ? true : undefined), 'everything');
    expect(reasonsOf(audit.taken, 'hung')).toEqual(expect.arrayContaining(['Adopted', 'Started', 'StepEntered', 'GateFailed']));
    expect(reasonsOf(audit.taken, 'hung')).toHaveLength(events.length);
    const last = audit.taken.at(-1);
    expect(last?.message).toMatchObject({ name: 'forecast', phase: 'RolledBack', stable: 'v1', weight: 0, type: 'Warning' });
    expect(last?.message.kind).toBe('rolledBack');
    const [first, second] = last?.message.text.split('\n') ?? [];
    expect([first, second]).toEqual(['hung/forecast v2: rolled back: a gate failed; stable is v1', last?.message.message]);
    expect(last?.message.text).toContain('\ndashboard: https://sluice.example.com/rollouts/hung/forecast');
    const graph = new URL(last?.message.links.find(({ title }) => title === 'success-rate in Prometheus')?.url ?? 'none:');
    expect(graph.pathname).toBe('/graph');
    expect(graph.searchParams.get('g0.expr')).toContain(
      'destination_service_name="forecast",destination_service_namespace="hung"',
    );
    const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature } = last?.headers ?? {};
    expect(id).toBe(last?.message.id);
    expect(signature).toBe(`v1,${createHmac('sha256', 'sesame').update(`${id}.${seconds}.${last?.body}`).digest('base64')}`);
    await controller.stop();
  });

  it('R35: what a process that was killed had not sent, the next one sends, and repeats have the same ids', async () => {
    const first = await world.controller({ config, namespaces: ['killed'] });
    const app = await world.app('killed');
    await app.roll('v1');
    await until(async () => (reasonsOf(audit.taken, 'killed').includes('Adopted') ? true : undefined), 'the first message');
    audit.hang();
    await app.change({ spec: { version: 'v2', ...LONG } });
    await until(async () => (reasonsOf(pager.taken, 'killed').includes('Started') ? true : undefined), 'pager');
    first.signal('SIGKILL');
    await first.ended;
    audit.answer(503);
    const adopted = audit.taken.find(({ message }) => message.namespace === 'killed' && message.reason === 'Adopted')?.message.id;
    const started = idsOf(pager.taken, 'killed').at(-1);

    await world.controller({ config, namespaces: ['killed'] });
    await until(async () => (idsOf(audit.taken, 'killed').includes(String(started)) ? true : undefined), 'the message again');
    const ids = idsOf(audit.taken, 'killed');
    expect(ids.filter(id => id === adopted)).toHaveLength(2);
    expect(new Set(idsOf(pager.taken, 'killed')).size).toBe(1);
  });
});
