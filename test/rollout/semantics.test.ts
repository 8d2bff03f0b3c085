import { describe, expect, it } from 'vitest';
import { checkSpec, type GateSpec, type RolloutSpec } from '../../src/rollout/index.ts';
import { HALF, SUCCESS_RATE, specOf } from './check.ts';

const installation = { prometheus: ['default', 'shop'], zipkin: [] };
const gates = (...list: readonly GateSpec[]): Partial<RolloutSpec> => ({ analysis: { gates: list } });
const query: GateSpec = { name: 'orders', prometheus: { query: 'x' }, threshold: { min: 1 } };
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
