import { describe, expect, it } from 'vitest';
import { checkSpec, type GateSpec, type Installation, type RolloutSpec } from '../../src/rollout/index.ts';
import { HALF, SUCCESS_RATE, specOf } from './check.ts';

const installation: Installation = { prometheus: ['default', 'shop'], zipkin: [] };
const inSteps = (...lists: readonly (readonly GateSpec[])[]): Partial<RolloutSpec> => ({
  strategy: { canary: { steps: lists.map((list, index) => ({ setWeight: 10 + 10 * index, gates: list })) } },
});
const gates = (...list: readonly GateSpec[]): Partial<RolloutSpec> => ({ analysis: { gates: list } });
const query: GateSpec = { name: 'orders', prometheus: { query: 'x' }, threshold: { min: 1 } };
const hook: GateSpec = { name: 'ci', webhook: { url: 'https://ci.example.com/smoke' } };
const p99: GateSpec = { prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 500 } };

describe('what a schema cannot see', () => {
  it('R12: a sound spec has no problem', () => {
    expect(checkSpec(specOf(HALF, gates(SUCCESS_RATE, p99, query)), installation)).toEqual([]);
  });

  const cases: readonly (readonly [name: string, change: Partial<RolloutSpec>, path: string, message: RegExp])[] = [
    ['no strategy', { strategy: {} }, 'spec.strategy', /none is given.*exactly one/],
    [
      'two strategies',
      { strategy: { canary: { steps: HALF }, blueGreen: {} } },
      'spec.strategy',
      /canary and blueGreen are given/,
    ],
    [
      'weights that fall',
      { strategy: { canary: { steps: [{ setWeight: 50 }, { setWeight: 20 }] } } },
      'spec.strategy.canary.steps[1].setWeight',
      /is 20, expected at least 50/,
    ],
    ['an interval below a second', { analysis: { interval: '500ms' } }, 'spec.analysis.interval', /expected 1s or longer/],
    ['two gates of one name', gates(SUCCESS_RATE, SUCCESS_RATE), 'spec.analysis.gates[1].name', /must be unique/],
    ['the name of the built-in gate', gates({ ...query, name: 'unattributed' }), 'spec.analysis.gates[0].name', /built-in/],
    ['no source', gates({ name: 'x', threshold: { min: 1 } }), 'spec.analysis.gates[0]', /has 0 sources/],
    ['two sources', gates({ ...SUCCESS_RATE, zipkin: { percentile: 99 } }), 'spec.analysis.gates[0]', /has 2 sources/],
    ['no bounds', gates({ ...query, threshold: {} }), 'spec.analysis.gates[0].threshold', /nothing says what is good/],
    [
      'bounds the wrong way round',
      gates({ ...query, threshold: { min: 5, max: 1 } }),
      'spec.analysis.gates[0].threshold',
      /min 5 is above max 1/,
    ],
    [
      'a rate above 100',
      gates({ ...SUCCESS_RATE, threshold: { min: 101 } }),
      'spec.analysis.gates[0].threshold',
      /from 0 to 100/,
    ],
    ['a latency with a lower bound', gates({ ...p99, threshold: { min: 5 } }), 'spec.analysis.gates[0].threshold', /max alone/],
    [
      'latency without percentile',
      gates({ ...p99, prometheus: { metric: 'latency' } }),
      'spec.analysis.gates[0].prometheus.percentile',
      /together/,
    ],
    [
      'a query with minSamples alone',
      gates({ ...query, minSamples: 5 }),
      'spec.analysis.gates[0].minSamples',
      /needs prometheus\.samples/,
    ],
    ['a sequential query', gates({ ...query, judge: 'sequential' }), 'spec.analysis.gates[0].judge', /needs counts/],
    [
      'an unknown provider',
      gates({ ...query, prometheus: { query: 'x', provider: 'other' } }),
      'spec.analysis.gates[0].prometheus.provider',
      /is other.*configured are default, shop/,
    ],
    [
      'a provider of a kind that is not configured',
      gates({ zipkin: { percentile: 99 }, threshold: { max: 5 } }),
      'spec.analysis.gates[0].zipkin.provider',
      /no zipkin provider/,
    ],
    [
      'a window that is none',
      gates({ ...query, prometheus: { query: 'x', window: '0s' } }),
      'spec.analysis.gates[0].prometheus.window',
      /is 0s, expected 1s or longer/,
    ],
    [
      'a gate of a step without bounds',
      inSteps([], [{ ...query, threshold: {} }]),
      'spec.strategy.canary.steps[1].gates[0].threshold',
      /nothing says what is good/,
    ],
    [
      'a gate of a step with the name of one for all',
      inSteps([SUCCESS_RATE]),
      'spec.strategy.canary.steps[0].gates[0].name',
      /which spec\.analysis\.gates\[0\] is called too; names must be unique$/,
    ],
    [
      'different gates of one name in two steps',
      inSteps([query], [{ ...query, failureLimit: 3 }]),
      'spec.strategy.canary.steps[1].gates[0].name',
      /steps\[0\]\.gates\[0\] is called too.*unless it is the same gate/,
    ],
    [
      'a gate of a step with the name of a default gate',
      { ...inSteps([SUCCESS_RATE]), analysis: undefined },
      'spec.strategy.canary.steps[0].gates[0].name',
      /which a default gate is called too/,
    ],
    [
      'a webhook with bounds',
      gates({ ...hook, threshold: { min: 1 } }),
      'spec.analysis.gates[0].threshold',
      /has no meaning for a webhook/,
    ],
    ['a webhook with minSamples', gates({ ...hook, minSamples: 1 }), 'spec.analysis.gates[0].minSamples', /no meaning/],
    [
      'a webhook that may take for ever',
      gates({ ...hook, webhook: { url: 'https://ci.example.com', timeout: '5m' } }),
      'spec.analysis.gates[0].webhook.timeout',
      /is 5m, expected from 100ms to 1m/,
    ],
  ];
  it.each(cases)('R12: %s is an error with its place', (_name, change, path, message) => {
    const problem = checkSpec(specOf(HALF, change), installation).find(found => found.path === path);
    expect(problem?.severity).toBe('error');
    expect(problem?.message).toMatch(message);
  });

  it('R12: no gate at all is a warning', () => {
    expect(checkSpec(specOf(HALF, gates()), installation).map(({ severity, path }) => [severity, path])).toEqual([
      ['warning', 'spec.analysis.gates'],
    ]);
  });
});

describe('where a webhook may be asked', () => {
  const problemsOf = (url: string, allow?: readonly string[]) =>
    checkSpec(specOf(HALF, gates({ name: 'ci', webhook: { url } })), {
      ...installation,
      ...(allow === undefined ? {} : { webhookGates: allow }),
    });

  it.each([
    ['https://ci.example.com/smoke', 'https://ci.example.com'],
    ['https://ci.example.com/smoke', 'https://*.example.com'],
    ['https://CI.Example.com/smoke?v={{version}}', 'https://ci.example.com/'],
    ['https://ci.example.com:443/smoke', 'https://ci.example.com'],
    ['https://ci.example.com:8443/smoke', 'https://ci.example.com:*'],
    ['http://10.0.0.5:8080/gates/{{namespace}}/{{name}}', 'http://10.0.0.5:8080/gates/*'],
    ['https://ci.example.com/smoke', 'https://ci.example.com/smoke'],
    ['http://[::1]:80/x', 'http://[::1]'],
  ])('R12: %s is allowed by %s', (url, pattern) => {
    expect(problemsOf(url, ['https://other.example.org', pattern])).toEqual([]);
  });

  it.each([
    ['https://example.com/smoke', 'https://*.example.com'],
    ['https://ci.example.com.evil.org/smoke', 'https://*.example.com'],
    ['https://evilexample.com/', 'https://*.example.com'],
    ['https://evil.org/ci.example.com', 'https://ci.example.com'],
    ['https://evil.org/#ci.example.com', 'https://ci.example.com'],
    ['https://evil.org\\ci.example.com/', 'https://ci.example.com'],
    ['http://ci.example.com/smoke', 'https://ci.example.com'],
    ['https://ci.example.com:8443/smoke', 'https://ci.example.com'],
    ['https://ci.example.com/gates/../admin', 'https://ci.example.com/gates/*'],
    ['https://ci.example.com/smoke/more', 'https://ci.example.com/smoke'],
    ['http://10.0.0.5/', 'http://*.0.0.5'],
    ['https://ci.example.com/', 'no pattern'],
  ])('R12: %s is not allowed by %s', (url, pattern) => {
    expect(problemsOf(url, [pattern])).toMatchObject([
      { path: 'spec.analysis.gates[0].webhook.url', severity: 'error', message: expect.stringContaining(pattern) },
    ]);
  });

  it.each([[undefined], [[]]])('R12: where nothing is allowed the message says how to allow it: %j', allow => {
    expect(problemsOf('https://ci.example.com/smoke', allow)).toMatchObject([
      {
        message: 'leads to https://ci.example.com, which the configuration does not allow: webhookGates.allow is empty',
        suggestion: 'add "https://ci.example.com" to webhookGates.allow in the configuration of the controller',
      },
    ]);
  });

  it.each([
    ['https://{{canary}}.example.com/', /has a template name in \{\{canary\}\}\.example\.com/],
    ['https://ci.example.com:{{step}}/', /has a template name/],
    ['https://alice:secret@ci.example.com/', /names a user or a password before ci\.example\.com/],
    ['https://ci.example.com@evil.org/', /names a user or a password before evil\.org/],
    ['ftp://ci.example.com/', /is no URL/],
    ['https:///smoke', /is no URL/],
    ['https://ci example/', /is no URL/],
  ])('R12: %s is refused, whatever is allowed', (url, message) => {
    const spec = specOf(HALF, gates({ name: 'ci', webhook: { url } }));
    for (const offered of [undefined, { ...installation, webhookGates: ['https://*:*', 'https://*.*.*'] }]) {
      expect(checkSpec(spec, offered)).toMatchObject([{ path: 'spec.analysis.gates[0].webhook.url', severity: 'error' }]);
      expect(checkSpec(spec, offered)[0]?.message).toMatch(message);
    }
  });

  it('without an installation only the URL itself is checked', () => {
    expect(checkSpec(specOf(HALF, gates(hook)))).toEqual([]);
  });
});

describe('gates out of the configuration', () => {
  const known: Installation = {
    ...installation,
    webhookGates: ['https://ci.example.com'],
    gateTemplates: { smoke: { webhook: { url: 'https://ci.example.com/smoke' } }, rate: SUCCESS_RATE },
  };
  const problemsOf = (change: Partial<RolloutSpec>, offered: Installation | undefined = known) =>
    checkSpec(specOf(HALF, change), offered).map(({ path, message }) => `${path} ${message}`);

  it('R12: a template that is known is as good as its gate written out', () => {
    expect(problemsOf(gates({ template: 'smoke' }, { template: 'rate', threshold: { min: 95 } }))).toEqual([]);
    expect(problemsOf(inSteps([{ template: 'smoke' }], [{ template: 'smoke' }]))).toEqual([]);
  });

  it('R12: an unknown one is an error that lists those that are known', () => {
    expect(problemsOf(gates({ template: 'smoek' }))).toEqual([
      'spec.analysis.gates[0].template is smoek, which the configuration does not know: known are smoke, rate',
    ]);
    expect(problemsOf(gates({ template: 'constructor' }), installation)).toEqual([
      'spec.analysis.gates[0].template is constructor, which the configuration does not know: it has no gateTemplates',
    ]);
    expect(checkSpec(specOf(HALF, gates({ template: 'smoek' })))).toEqual([]);
  });

  it('R12: what a template and the spec are together is checked', () => {
    expect(problemsOf(gates({ template: 'rate', threshold: { min: 101 } }))).toEqual([
      'spec.analysis.gates[0].threshold expected min alone, a percentage from 0 to 100, for success-rate',
    ]);
    expect(problemsOf(gates({ template: 'smoke' }, { template: 'smoke' }))).toEqual([
      'spec.analysis.gates[1].name is smoke, which spec.analysis.gates[0] is called too; names must be unique',
    ]);
    expect(problemsOf(gates({ template: 'smoke', zipkin: { percentile: 99 } }))).toContainEqual(
      expect.stringContaining('has 2 sources'),
    );
  });

  it('R12: gates that hold by default are told by their place in the configuration', () => {
    const offered = { ...known, analysis: { gates: [{ ...query, prometheus: { query: 'x', provider: 'gone' } }] } };
    expect(problemsOf({ analysis: undefined }, offered)).toEqual([
      'spec.analysis.gates of the configuration: defaults.analysis.gates[0].prometheus.provider is gone, which the configuration does not know: configured are default, shop',
    ]);
    expect(problemsOf({}, offered)).toEqual([]);
  });
});
