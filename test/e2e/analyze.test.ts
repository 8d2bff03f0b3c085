import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { until } from '../sandbox/client.ts';
import { workloadOf } from './app.ts';
import { type CountingProxy, startCountingProxy } from './countingProxy.ts';
import { run } from './running.ts';
import { type App, openWorld, type World } from './world.ts';

/** Both versions run and share the traffic; nobody steers it. */
const HALVES = {
  subsets: ['v1', 'v2'],
  route: ['v1', 'v2'].map(subset => ({ destination: { host: 'forecast', subset }, weight: 50 })),
  rate: 60,
};

describe.concurrent('sluice analyze', () => {
  let world: World;
  let proxy: CountingProxy;
  let config: string;
  beforeAll(async () => {
    world = await openWorld();
    proxy = await startCountingProxy(world.sandbox, world.folder);
    config = join(world.folder, 'analyze.json');
    const { prometheus, zipkin } = world.sandbox.urls;
    const providers = { prometheus: { default: { url: prometheus } }, zipkin: { default: { url: zipkin, lag: '500ms' } } };
    await writeFile(config, JSON.stringify({ providers }));
  });
  afterAll(async () => {
    await world.close();
    await proxy.close();
  });

  const analyze = (...args: readonly string[]) =>
    run(['analyze', '--config', config, '--kubeconfig', proxy.kubeconfigPath, ...args]);
  const versions = (namespace: string) => ['-n', namespace, '--host', 'forecast', '--stable', 'v1', '--canary', 'v2'];
  const arrived = ({ load }: App, requests: number) => {
    const before = load.stats().requests;
    const look = async () => (load.stats().requests >= before + requests ? true : undefined);
    return until(look, `${requests} requests`, 40_000);
  };

  test('two running versions: the good one passes, the bad one would have gone back; the cluster is only read', async ({
    expect,
  }) => {
    world.sandbox.control.setFault(workloadOf('worse', 'v2'), { errorRate: 0.3 });
    const [fair, worse] = [await world.app('fair', HALVES), await world.app('worse', HALVES)];
    await Promise.all([fair, worse].map(app => arrived(app, 300)));
    const [good, bad] = [
      await analyze(...versions('fair'), '--since', '8s', '--interval', '1s'),
      await analyze(...versions('worse'), '--since', '8s', '--interval', '1s'),
    ];
    expect(good.output).toMatch(/\nv2 {2}\d+ requests, [\d.]+ % of both; workload fair-v2, whose pods run now\n/);
    expect(good.output).toMatch(/\nA rollout would have gone on: every gate that applies passes, for the first time at \S+Z\n$/);
    expect(good.code).toBe(0);
    expect(bad.output).toMatch(/\nFail +success-rate \(prometheus\/default\), failed at \S+Z, .*on \d+ requests? of v2\n/);
    expect(bad.output).toMatch(/\nA rollout would have gone back to v1 at \S+Z, .*: success-rate\n$/);
    expect(bad.code).toBe(1);
    expect([...new Set(proxy.requests.map(text => text.split(' ')[0]))]).toEqual(['GET']);
  });

  test('R17: a rollout that has gone back is judged alike afterwards, also when its pods are gone', async ({ expect }) => {
    world.sandbox.control.setFault(workloadOf('past', 'v2'), { errorRate: 0.3 });
    const controller = await world.controller({ namespaces: ['past'] });
    const app = await world.app('past', { rate: 60 });
    const startedMs = Date.now();
    await app.roll('v2', { strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '60s' } }] } } });
    const { message } = await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    await controller.stop();
    const time = ['--from', new Date(startedMs).toISOString(), '--to', new Date().toISOString(), '--interval', '1s'];
    const before = await analyze('forecast', '-n', 'past', ...time);
    const deployment = `/apis/apps/v1/namespaces/past/deployments/${workloadOf('past', 'v2')}`;
    await world.api.patch(deployment, 'merge', { spec: { replicas: 0 } });
    const podsOf = async () => (await world.api.get('/api/v1/namespaces/past/pods')).body.items;
    await until(async () => ((await podsOf()).length === 1 ? true : undefined), 'the pods of v2 to go');
    const after = await analyze('forecast', '-n', 'past', ...time);
    for (const { code, output } of [before, after]) {
      expect(output).toContain('v2 against v1, gates of Rollout past/forecast\n');
      expect(output).toMatch(/\nFail +success-rate .*\n +success-rate [\d.]+ % < 99 % on \d+ requests; evidence/);
      expect(limitIn(output)).toBe(limitIn(message));
      expect(code).toBe(1);
    }
    expect(after.output).toContain('; workload past-v2, as the metrics of that time name this version\n');
  });

  const limitIn = (text: string): string | undefined => /evidence .+?, (limit [\d,]+:1)/.exec(text)?.[1];

  test('by spans alone: a slow version is found', async ({ expect }) => {
    world.sandbox.control.setFault(workloadOf('slow', 'v2'), { latencyMs: 700 });
    await arrived(await world.app('slow', HALVES), 300);
    const spans = join(world.folder, 'spans.json');
    await writeFile(
      spans,
      JSON.stringify({ providers: { zipkin: { default: { url: world.sandbox.urls.zipkin, lag: '500ms' } } } }),
    );
    const args = ['--config', spans, '--kubeconfig', proxy.kubeconfigPath, ...versions('slow'), '--since', '30s'];
    const { code, output } = await run(['analyze', ...args, '--interval', '3s']);
    expect(output).toMatch(/\nv2 {2}\d+ spans, .*; subset v2\n/);
    expect(output).toMatch(/\nFail +p99 \(zipkin\/default\), failed at /);
    expect(code).toBe(1);
  });

  test('what is not there: no such Rollout is wrong input, a cluster that does not answer is out of reach', async ({
    expect,
  }) => {
    expect(await analyze('nobody', '-n', 'past')).toMatchObject({
      code: 2,
      output: 'there is no Rollout past/nobody, expected one in the cluster, or a file such as ./x.yaml\n',
    });
    const gone = join(world.folder, 'kubeconfig-gone');
    await writeFile(gone, world.sandbox.kubeconfig.replace(/server: .*/, 'server: http://127.0.0.1:9'));
    const { code, output } = await run(['analyze', '--config', config, '--kubeconfig', gone, ...versions('fair')]);
    expect(output).toMatch(/^listing pods in fair: .*does not answer.*; with a file, --offline asks no cluster\n$/);
    expect(code).toBe(4);
  });
});
