import { describe, expect, it } from 'vitest';
import { readOptions, type WrittenOptions } from '../../src/cli/analyze/options.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 14);
const NOTHING = { prometheus: [], zipkin: [], output: 'text' } as const satisfies WrittenOptions;
const read = (options: Partial<WrittenOptions>, rollout?: string) => readOptions(rollout, { ...NOTHING, ...options }, NOW_MS);

describe('options of sluice analyze', () => {
  it.each<[Partial<WrittenOptions>, readonly string[], string?]>([
    [{ since: '1 hour' }, ['--since is "1 hour", expected a duration of at least 1s, such as 30m, 1h or 1h30m']],
    [{ since: '0s' }, ['--since is "0s", expected a duration of at least 1s, such as 30m, 1h or 1h30m']],
    [{ since: '1h', to: '2026-11-21T13:00:00Z' }, ['--since ends now, expected it without --from and --to']],
    [{ to: '2026-11-21T13:00:00Z' }, ['--to needs --from, the moment at which the analysis begins']],
    [{ from: 'yesterday' }, ['--from is "yesterday", expected a moment such as 2026-11-21T14:00:00Z']],
    [{ from: '2026-13-41T25:00:00Z' }, ['--from is "2026-13-41T25:00:00Z", expected a moment such as 2026-11-21T14:00:00Z']],
    [{ from: '2026-11-21T12:00:00' }, ['--from is "2026-11-21T12:00:00", expected a moment such as 2026-11-21T14:00:00Z']],
    [
      { from: '2026-11-21T13:00:00Z', to: '2026-11-21T12:00:00Z' },
      ['--from is 2026-11-21T13:00:00Z, expected a moment before 2026-11-21T12:00:00Z'],
    ],
    [{ from: '2026-11-22T13:00:00Z' }, ['--from is 2026-11-22T13:00:00Z, expected a moment before now']],
    [
      { from: '2026-11-21T13:00:00Z', to: '2026-11-22T12:00:00Z' },
      ['--to is 2026-11-22T12:00:00Z, which is in the future, expected a moment that has passed'],
    ],
    [
      { from: '2026-01-01T00:00:00Z' },
      ['2026-01-01T00:00:00Z to 2026-11-21T14:00:00Z is longer than 31d, expected a part of it'],
    ],
    [{ interval: '15' }, ['--interval is "15", expected a duration of at least 1s, such as 30m, 1h or 1h30m']],
    [{ namespace: 'A B' }, ['--namespace is "A B", expected lower-case letters, digits and "-", at most 63']],
    [{ host: 'a/b' }, ['--host is "a/b", expected the name of a host, such as forecast or forecast.weather.svc.cluster.local']],
    [{ stable: 'v 1' }, ['--stable is "v 1", expected a value of the pods\' version label, such as v2']],
    [
      { workloadsCanary: 'a,,b' },
      ['--workloads-canary is "a,,b", expected names of workloads such as forecast-v1,forecast-v1-canary'],
    ],
    [
      { prometheus: ['localhost:9090'] },
      ['--prometheus is not a URL, expected http://... or https://..., after NAME= for a provider that is not called default'],
    ],
    [{ zipkin: ['http://a', 'default=http://b'] }, ['--zipkin names the provider default twice, expected each once']],
    [{ offline: true, kubeconfig: 'x' }, ['--kubeconfig has no meaning with --offline, expected one of them']],
    [{ offline: true }, ['forecast is the name of a Rollout in the cluster, expected a file with --offline'], 'forecast'],
    [{}, ['"Fore cast" is neither a file nor the name of a Rollout'], 'Fore cast'],
    [{ since: 'x', interval: 'y' }, [expect.stringMatching(/^--interval/), expect.stringMatching(/^--since/)]],
  ])('%j is refused, and what was expected is said', (options, problems, rollout) => {
    expect(read(options, rollout)).toEqual({ problems });
  });

  it('a secret in an address is not repeated', () => {
    expect(JSON.stringify(read({ prometheus: ['ftp://ann:T0psecret@prometheus'] }))).not.toContain('T0psecret');
  });

  it('without a time it is the last hour', () => {
    expect(read({})).toMatchObject({ range: { fromMs: NOW_MS - 3_600_000, toMs: NOW_MS } });
  });

  it('a time of another zone is understood, and ends now without an end', () => {
    const range = { fromMs: Date.UTC(2026, 10, 21, 12), toMs: NOW_MS };
    expect(read({ from: '2026-11-21T13:00:00+01:00' })).toMatchObject({ range });
  });

  it.each([
    ['forecast', { name: 'forecast' }],
    ['forecast.v2', { name: 'forecast.v2' }],
    ['./forecast', { file: './forecast' }],
    ['forecast.yaml', { file: 'forecast.yaml' }],
  ])('%s is told from the other kind', (text, rollout) => {
    expect(read({}, text)).toMatchObject({ rollout });
  });

  it('providers are named, workloads are sorted and each once', () => {
    expect(
      read({ prometheus: ['http://a:9090', 'shop=https://b/prom'], workloadsStable: 'b, a,b', interval: '30s', since: '2h' }),
    ).toEqual({
      versions: {},
      workloads: { stable: ['a', 'b'] },
      range: { fromMs: NOW_MS - 7_200_000, toMs: NOW_MS },
      intervalMs: 30_000,
      urls: { prometheus: { default: 'http://a:9090', shop: 'https://b/prom' }, zipkin: {} },
    });
  });
});
