import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createAnalyzeCommand } from '../../src/cli/analyze.ts';
import { type PastPrometheus, type Served, served, startPastPrometheus } from './pastPrometheus.ts';
import { recordedIo } from './recordedIo.ts';

const START_S = Date.UTC(2024, 4, 1, 12) / 1000;
const iso = (atS: number): string => new Date(atS * 1000).toISOString();

let past: PastPrometheus;
let folder: string;
beforeAll(async () => {
  past = await startPastPrometheus();
  folder = await mkdtemp(join(tmpdir(), 'sluice-analyze-'));
});
afterAll(async () => {
  await past.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  past.series = [];
  past.asked.length = 0;
  past.fails = () => false;
});

/** `sluice analyze` without a cluster. */
const run = async (...args: readonly string[]) => {
  const { io, said } = recordedIo();
  await createAnalyzeCommand(io).parseAsync(['--offline', ...args], { from: 'user' });
  return said;
};

const VERSIONS = ['--host', 'forecast.weather', '--stable', 'v1', '--canary', 'v2'];
const time = (minutes: number): readonly string[] => ['--from', iso(START_S), '--to', iso(START_S + 60 * minutes)];
const analyze = (...args: readonly string[]) => run('--prometheus', past.url, ...VERSIONS, ...args);

type Written = {
  readonly outcome: {
    readonly kind: string;
    readonly at?: string;
    readonly afterSeconds?: number;
    readonly gates: readonly string[];
  };
  readonly gates: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly message: string;
    readonly min?: number;
    readonly failed?: { readonly at: string; readonly afterSeconds: number; readonly requests: number };
    readonly baseline?: object;
    readonly detects?: string;
  }[];
  readonly [field: string]: unknown;
};
const analyzed = async (...args: readonly string[]): Promise<Written & { code: number }> => {
  const { out, code } = await analyze(...args, '-o', 'json');
  return { ...(JSON.parse(out) as Written), code };
};
const gateOf = ({ gates }: Written, name: string) => gates.find(gate => gate.name === name);

/** The first scrape of a pod is somewhere between those of the others. */
const SHIFT_S = 7;
/** Stable before and all through; the new version from the start on. */
const world = (v2: Partial<Served> = {}, v1: Partial<Served> = {}) => [
  ...served('v1', { fromS: START_S - 900, toS: START_S + 1200, rate: 20, failing: 0.001, ...v1 }),
  ...served('v2', { fromS: START_S + SHIFT_S, toS: START_S + 1200, rate: 5, failing: 0.001, ...v2 }),
];

const rollout = (analysis: object, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'forecast', namespace: 'weather' },
    spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 20, pause: { duration: '5m' } }] } }, analysis, ...more },
  });
const inFile = async (text: string): Promise<string> => {
  const file = join(folder, 'rollout.yaml');
  await writeFile(file, text);
  return file;
};

describe('sluice analyze: what a rollout would have done', () => {
  it('R14: a version as good as stable passes: exit 0, each gate in a sentence with numbers', async () => {
    past.series = world();
    const { code, out, err } = await analyze(...time(5));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^forecast\.weather\.svc\.cluster\.local: v2 against v1, default gates\n2024-05-01T12:00:00Z to 2024-05-01T12:05:00Z \(5m\), read every 15s: prometheus\/default \d+ requests\n/,
    );
    expect(out).toMatch(/\nv1 {2}5,\d{3} requests; workload forecast-v1, as the metrics of that time name this version\n/);
    expect(out).toMatch(/\nv2 {2}1,4\d\d requests, 20 % of both; workload forecast-v2, /);
    expect(out).toMatch(
      /\nthe ten minutes before, by prometheus\/default: 0\.094 % of 11,\d{3} requests failed, p99 100 ms \(stable\)\n/,
    );
    expect(out).toMatch(
      /\nPass +success-rate \(prometheus\/default\)\n +success-rate 99\.\d+ % >= 99 % on 1,4\d\d requests, stable 99\.\d+ %\n +finds errors from [\d.]+ % on(, or from [\d.]+ times stable's on)?, in 5m at [\d.]+ requests\/s of the new version\n/,
    );
    expect(out).toMatch(/\nPass +p99 .*\n +p99 100 ms <= 500 ms on 1,4\d\d requests, stable 100 ms\n/);
    expect(out).toMatch(
      /\nA rollout would have gone on: every gate that applies passes, for the first time at 2024-05-01T12:00:\d\dZ\n$/,
    );
  });

  it('R17: a bad version: exit 1, when it would have failed, how long after the start, on how many requests, and why', async () => {
    past.series = world({ failing: 0.05 });
    const { code, out } = await analyze(...time(5));
    expect(code).toBe(1);
    expect(out).toMatch(
      /\nFail +success-rate \(prometheus\/default\), failed at 2024-05-01T12:0[01]:\d\dZ, (1m(\d+s)?|\d\ds) after the start.*, on \d\d\d requests of v2\n/,
    );
    expect(out).toMatch(/evidence [\d,]+:1, limit [\d,]+:1; .*503/);
    expect(out).toMatch(/\nPass +p99 /);
    expect(out).toMatch(
      /\nA rollout would have gone back to v1 at 2024-05-01T12:0\d:\d\dZ, .* on \d+ requests of v2: success-rate\n$/,
    );
  });

  it('a failure stands at the time at which it became certain, however long the time goes on', async () => {
    past.series = world({ failing: 0.05 });
    const [short, long] = [await analyzed(...time(3)), await analyzed(...time(10))];
    expect(gateOf(short, 'success-rate')?.failed).toEqual(gateOf(long, 'success-rate')?.failed);
    expect(long.outcome).toMatchObject({ kind: 'rolledBack', at: short.outcome.at, gates: ['success-rate'] });
  });

  it('R22: too few requests to decide: exit 0, and it says what it would have waited for', async () => {
    past.series = world({ rate: 0.1, failing: 0 });
    const { code, out } = await analyze(...time(5));
    expect(code).toBe(0);
    expect(out).toMatch(/\nNoData +success-rate .*\n +\d+ of 50 requests needed\n/);
    expect(out).toMatch(/\nA rollout would have waited, neither gone on nor back: success-rate, p99 not decided at the end\n$/);
  });

  it('the new version had no requests: nothing was judged, exit 4', async () => {
    past.series = world().filter(({ labels }) => labels['destination_workload'] === 'forecast-v1');
    const { code, out } = await analyze(...time(2));
    expect(code).toBe(4);
    expect(out).toContain(
      '\nnote: Prometheus knows no requests of forecast-v2 (v2) from 2024-05-01T12:00:00Z to 2024-05-01T12:02:00Z\n',
    );
    expect(out).toContain('workload forecast-v2, assumed from its name: no pod and no metric tells\n');
    expect(out).toMatch(/\nNothing was judged: there are no requests of v2 in this time\n$/);
  });

  it('R15: a time that Prometheus does not know is said to be one, exit 4', async () => {
    const { code, out } = await analyze(...time(2));
    expect(code).toBe(4);
    expect(out).toContain(
      '\nnote: Prometheus knows no requests to forecast.weather.svc.cluster.local from 2024-05-01T12:00:00Z to 2024-05-01T12:02:00Z: is the host right, are its callers or pods in the mesh, does Prometheus keep data that long?\n',
    );
  });

  it('a gate that pauses would have paused: exit 1', async () => {
    past.series = world({ failing: 0.05 });
    const gate = { name: 'errors', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, onFailure: 'pause' };
    const { code, out } = await analyze(await inFile(rollout({ gates: [gate] })), ...time(3));
    expect(code).toBe(1);
    expect(out).toMatch(/\nA rollout would have paused at 2024-05-01T12:0\d:\d\dZ, .*: errors\n$/);
  });

  it('a version that is slower than stable is found by the comparison', async () => {
    past.series = world({ slowing: 0.5 });
    const result = await analyzed(...time(5));
    expect(gateOf(result, 'p99')).toMatchObject({
      verdict: 'Fail',
      message: expect.stringMatching(/slower than stable's p90 of 50 ms/),
    });
    expect(result).toMatchObject({ code: 1, outcome: { kind: 'rolledBack', gates: ['p99'] } });
  });

  it('when the new version has nearly all traffic, nothing is compared', async () => {
    past.series = world({ rate: 95 }, { rate: 5 });
    const result = await analyzed(...time(5));
    expect(gateOf(result, 'success-rate')?.verdict).toBe('Pass');
    expect(gateOf(result, 'success-rate')?.message).not.toContain('stable');
  });
});

describe('sluice analyze: what it judges by', () => {
  it('the gates of a file, with its interval', async () => {
    past.series = world();
    const gates = [{ name: 'errors', prometheus: { metric: 'success-rate' }, threshold: { min: 99.5 } }];
    const result = await analyzed(await inFile(rollout({ interval: '30s', gates })), ...time(3));
    expect(result).toMatchObject({ intervalSeconds: 30, host: 'forecast.weather.svc.cluster.local' });
    expect(result.gates.map(({ name, verdict, min }) => [name, verdict, min])).toEqual([
      ['errors', 'Pass', 99.5],
      ['unattributed', 'Pass', undefined],
    ]);
  });

  it('a file tells the versions too', async () => {
    past.series = world();
    const file = await inFile(rollout({ interval: '30s' }, { initialVersion: 'v1' }));
    const { code, out } = await run('--prometheus', past.url, file, ...time(2));
    expect(out).toMatch(/^forecast\.weather\.svc\.cluster\.local: v2 against v1, gates of .*rollout\.yaml\n/);
    expect(code).toBe(0);
  });

  it('a webhook is not called, which is said; a query is asked', async () => {
    past.series = world();
    const gates = [
      { name: 'ci', webhook: { url: 'https://ci.example.com/smoke' } },
      { name: 'orders', prometheus: { query: 'orders' }, threshold: { min: 1 } },
    ];
    const config = join(folder, 'sluice.yaml');
    await writeFile(config, "webhookGates: {allow: ['https://ci.example.com/*']}\n");
    const { code, out } = await analyze(await inFile(rollout({ gates })), '--config', config, ...time(3));
    expect(out).toMatch(/\nNotApplicable +ci \(webhook\)\n +a webhook is not asked, as it cannot tell of the past\n/);
    expect(out).toContain('note: webhooks are not called\n');
    // The Prometheus of this test knows no PromQL: a query that fails harms its own gate only, and is not asked for ever.
    expect(out).toMatch(/\nError +orders /);
    expect(out).toMatch(/\nPass +unattributed /);
    expect(out).toMatch(/\nNot known: no answer for orders\n$/);
    expect(code).toBe(4);
  });

  it('a long time is read in longer intervals: the number of requests is bounded, which is said', async () => {
    past.series = served('v2', { fromS: START_S, toS: START_S + 60, rate: 1 });
    const { out } = await analyze('--from', iso(START_S), '--to', iso(START_S + 3 * 24 * 3600));
    expect(past.asked.length).toBeLessThanOrEqual(245);
    expect(out).toContain('read every 18m');
    expect(out).toContain('\nnote: read every 18m, as at most 240 readings are made; a failure is seen that much later\n');
  });

  it('-o json and -o yaml say the same', async () => {
    past.series = world({ failing: 0.05 });
    const [json, yaml] = [await analyze(...time(2), '-o', 'json'), await analyze(...time(2), '-o', 'yaml')];
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
    expect(JSON.parse(json.out)).toMatchObject({
      host: 'forecast.weather.svc.cluster.local',
      from: '2024-05-01T12:00:00.000Z',
      to: '2024-05-01T12:02:00.000Z',
      stable: { version: 'v1', workloads: ['forecast-v1'], origin: 'metrics', isSeen: true },
      canary: { version: 'v2', workloads: ['forecast-v2'], requests: expect.any(Number) },
      outcome: { kind: 'rolledBack', afterSeconds: expect.any(Number), requests: expect.any(Number) },
      normal: { 'prometheus/default': { stable: { bad: expect.any(Number), total: expect.any(Number) } } },
      asked: { 'prometheus/default': expect.any(Number) },
    });
    expect(json.out).not.toContain('"sums"');
  });
});

describe('sluice analyze: whose requests are counted', () => {
  it('pods that are gone are known by what the metrics called their version', async () => {
    past.series = world({ workload: 'forecast-7f' });
    const { out } = await analyze(...time(2));
    expect(out).toMatch(/\nv2 {2}\d+ requests, .*; workload forecast-7f, as the metrics of that time name this version\n/);
  });

  it('without such a label by the usual name of a workload', async () => {
    past.series = world({ labels: {} });
    const { out } = await analyze(...time(2));
    expect(out).toMatch(/\nv2 {2}\d+ requests, .*; workload forecast-v2, by its name in the metrics of that time\n/);
  });

  it('a person knows better', async () => {
    past.series = world({ workload: 'blue', labels: {} });
    const { code, out } = await analyze(...time(5), '--workloads-canary', 'blue');
    expect(out).toMatch(/\nv2 {2}1,4\d\d requests, .*; workload blue, as asked for\n/);
    expect(code).toBe(0);
  });

  it('one workload for both versions tells nothing: exit 2', async () => {
    past.series = world({ workload: 'forecast' }, { workload: 'forecast' });
    expect(await analyze(...time(2))).toMatchObject({
      code: 2,
      err: 'both v1 and v2 are workload forecast, expected different ones: name them with --workloads-stable and --workloads-canary\n',
    });
  });
});

describe('sluice analyze: what it cannot use or reach', () => {
  it('R16: a provider that fails once is asked again', async () => {
    past.series = world();
    const whole = await analyzed(...time(2));
    past.asked.length = 0;
    // where the workloads are, what was normal, and then one reading after the other
    past.fails = request => [6, 9, 10].includes(request);
    const again = await analyzed(...time(2));
    expect(again.gates).toEqual(whole.gates);
    expect(past.asked.length).toBe(Number(Object.values(whole['asked'] as object)[0]) + 3);
  });

  it.each([
    ['from the start', 1, /^looking for workloads of forecast\.weather\.svc\.cluster\.local: Prometheus "default".*out of order/],
    ['before the first reading', 2, /^reading traffic of forecast.*out of order/],
    ['in the middle', 8, /^reading traffic of forecast.*out of order/],
  ])('a Prometheus that fails %s, and goes on failing: exit 4 with its words', async (_, first, words) => {
    past.series = world();
    past.fails = request => request >= first;
    expect(await analyze(...time(2))).toEqual({ code: 4, out: '', err: expect.stringMatching(words) });
  });

  it('a provider that is not there: exit 4', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise(resolve => server.close(resolve));
    const args = ['--prometheus', `http://ann:T0psecret@127.0.0.1:${port}`, ...VERSIONS];
    const { code, err } = await run(...args, ...time(2));
    expect(code).toBe(4);
    expect(err).toContain(`127.0.0.1:${port}`);
    expect(err).not.toContain('T0psecret');
  });

  it.each<[string, readonly string[], readonly string[]]>([
    [
      'no provider',
      VERSIONS,
      ['no provider is known, expected --config with a file that has providers, or --prometheus or --zipkin with an address'],
    ],
    [
      'nothing that says who',
      ['--prometheus', 'http://127.0.0.1:9'],
      [
        '--stable is needed: nothing tells which version is compared with',
        '--canary is needed: nothing tells which version is judged',
        '--host is needed: no Rollout is named whose host it could be',
      ],
    ],
    [
      'one version twice',
      ['--prometheus', 'http://127.0.0.1:9', '--host', 'a', '--stable', 'v1', '--canary', 'v1'],
      ['both versions are v1, expected two different ones: name them with --stable and --canary'],
    ],
    ['no such file', ['--prometheus', 'http://127.0.0.1:9', './nowhere.yaml'], ['reading ./nowhere.yaml: no such file']],
    ['a bad option', ['--since', 'x'], ['--since is "x", expected a duration of at least 1s, such as 30m, 1h or 1h30m']],
    [
      'no such configuration',
      ['--config', '/nowhere.yaml'],
      ['reading configuration /nowhere.yaml: 1 problem', '/nowhere.yaml: cannot be read (ENOENT)'],
    ],
  ])('%s: exit 2', async (_, args, problems) => {
    expect(await run(...args)).toEqual({ code: 2, out: '', err: `${problems.join('\n')}\n` });
  });

  it('a Rollout with a mistake is told with file and line: exit 2', async () => {
    const file = await inFile(
      rollout({ gates: [{ name: 'orders', prometheus: { query: 'up', provider: 'shop' }, threshold: { min: 1 } }] }),
    );
    const { code, err } = await analyze(file, ...time(2));
    expect(err).toBe(
      `${file}:1:${err.split(':')[2]}: spec.analysis.gates[0].prometheus.provider: is shop, which the configuration does not know: configured are default\n`,
    );
    expect(code).toBe(2);
  });

  it('a namespace that is not the one of the file: exit 2', async () => {
    const file = await inFile(rollout({}));
    expect(await analyze(file, '-n', 'other')).toMatchObject({
      code: 2,
      err: `--namespace is other, but the Rollout in ${file} is in weather\n`,
    });
  });
});
