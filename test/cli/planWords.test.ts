import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { beginsOf, closedAhead } from '../../src/cli/plan/ahead.ts';
import { changesOf } from '../../src/cli/plan/changes.ts';
import { foresee } from '../../src/cli/plan/foresee.ts';
import { unifiedDiff } from '../../src/cli/plan/lineDiff.ts';
import { code, details, fenced, plain, table } from '../../src/cli/plan/markdownText.ts';
import { outlookOf } from '../../src/cli/plan/outlook.ts';
import { compilePlan, planHash, type RolloutSpec, type RolloutStatus, type StepSpec } from '../../src/rollout/index.ts';

const NONE = { prometheus: [], zipkin: [] };
const spec = (steps: readonly StepSpec[], more: Partial<RolloutSpec> = {}): RolloutSpec => ({
  version: 'v2',
  strategy: { canary: { steps } },
  analysis: { gates: [] },
  ...more,
});
const HALF = spec([{ setWeight: 50, pause: { duration: '5m' } }]);

describe('times ahead', () => {
  const FRIDAY = Date.parse('2026-11-27T16:58:00Z');
  const evenings = { windows: [{ deny: '* 17-22 * * 5' }] };
  const begins = (of: RolloutSpec) =>
    beginsOf(of, foresee(of, NONE, { sampling: 1 }), FRIDAY).map(ms => (ms === undefined ? ms : new Date(ms).toISOString()));

  it('R20: closed times of the next 7 days, the one that has begun too', () => {
    expect(closedAhead(HALF, FRIDAY)).toEqual([]);
    const spans = closedAhead({ ...HALF, ...evenings }, FRIDAY + 600_000);
    expect(spans).toEqual([
      { fromMs: FRIDAY + 600_000, toMs: Date.parse('2026-11-27T23:00:00Z'), because: "deny '* 17-22 * * 5' (UTC)" },
      {
        fromMs: Date.parse('2026-12-04T17:00:00Z'),
        toMs: Date.parse('2026-12-04T23:00:00Z'),
        because: "deny '* 17-22 * * 5' (UTC)",
      },
    ]);
  });

  it('R20: a step that would begin in a closed time begins after it, and so do those behind it', () => {
    expect(begins(HALF)).toEqual(['2026-11-27T16:58:02.000Z', '2026-11-27T17:03:02.000Z']);
    expect(begins({ ...HALF, ...evenings })).toEqual(['2026-11-27T16:58:02.000Z', '2026-11-27T23:00:00.000Z']);
  });

  it('R20: a window that never opens has no end, and nothing begins', () => {
    const never = { ...HALF, windows: [{ deny: '* * * * *' }] };
    expect(closedAhead(never, FRIDAY)).toEqual([{ fromMs: FRIDAY, because: "deny '* * * * *' (UTC)" }]);
    expect(begins(never)).toEqual([undefined, undefined]);
  });
});

describe('what changes, in words', () => {
  it('the version, steps one by one, gates by name, and other fields with their path', () => {
    const gates = [{ name: 'rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } }] as const;
    const installation = { prometheus: ['default'], zipkin: [] };
    const before = spec([{ setWeight: 20, pause: {} }, { setWeight: 50 }], { analysis: { gates } });
    const after = spec([{ setWeight: 20, pause: { duration: '1m' } }], {
      version: 'v3',
      analysis: { gates: [{ ...gates[0], threshold: { min: 98 } }] },
      router: { istio: { settle: '5s' } },
    });
    expect(changesOf(before, after, installation)).toEqual([
      'version v2 -> v3',
      'step 1: at 20%, until a person promotes -> at 20%, 1m',
      'step 2: at 50%, 0s -> bake at 100%, 0s',
      'step 3: gone (was bake at 100%, 0s)',
      'gate rate: at least 99 % succeed -> at least 98 % succeed',
      'spec.router.istio.settle: new: "5s"',
    ]);
    expect(changesOf(before, before, installation)).toEqual([]);
    const slower = { ...before, analysis: { gates, interval: '20s' } };
    expect(changesOf(before, slower, installation)).toEqual(['spec.analysis.interval: new: "20s"']);
    const more = { ...before, analysis: { gates: [{ ...gates[0], minSamples: 7 }] } };
    expect(changesOf(before, more, installation)).toEqual(['only details of steps or gates change']);
  });
});

describe('what applying the file leads to', () => {
  const attempt: RolloutStatus = {
    phase: 'Progressing',
    reason: 'StepEntered',
    message: '',
    stableVersion: 'v1',
    canaryVersion: 'v2',
    planHash: planHash(HALF),
    plan: compilePlan(HALF, NONE, undefined),
    traffic: { weight: 50 },
    step: { index: 1, count: 2 },
    target: {
      router: 'istio',
      host: 'forecast.weather.svc.cluster.local',
      versionLabel: 'version',
      virtualServices: [],
      routes: [],
      stable: 'v1',
      canary: 'v2',
    },
  };
  const rest = { phase: 'Healthy', reason: 'UpToDate', message: '', stableVersion: 'v1', attempt: 4 } as const;
  const outlook = (version: string, status?: RolloutStatus, more: Partial<Parameters<typeof outlookOf>[0]> = {}) => {
    const spec = { ...HALF, version };
    const known = {
      uid: 'u',
      namespace: 'weather',
      name: 'forecast',
      generation: 1,
      spec,
      ...(status === undefined ? {} : { status }),
    };
    const { kind, text } = outlookOf({ rollout: known, isNew: status === undefined, ...more });
    return `${kind}: ${text}`;
  };

  it.each([
    ['R8', 'v2', rest, 'starts: v2 replaces v1, as attempt 5'],
    ['R8', 'v1', rest, 'stays: v1 is stable and stays so; nothing moves'],
    [
      'R8',
      'v2',
      { ...rest, phase: 'RolledBack', canaryVersion: 'v2' } as const,
      'stays: v2 was rolled back, and v1 has all traffic; it begins again only after a retry, or as another version',
    ],
    ['R11', 'v2', attempt, 'changes: v2 is in progress at step 1/2 with 50%, and goes on'],
    [
      'R11',
      'v2',
      { ...attempt, planHash: 'other' },
      'changes: v2 is in progress at step 1/2 with 50%; its steps or gates are edited: traffic stays, and it goes on with the first step above 50%',
    ],
    [
      'R9',
      'v3',
      attempt,
      'starts: v2 is in progress at step 1/2 with 50%; all traffic goes back to v1, and then v3 begins at its first step',
    ],
    [
      'R11',
      'v2',
      { ...attempt, targetHash: 'other' },
      'starts: v2 is in progress at step 1/2 with 50%; host, version label or routing objects are edited: all traffic goes back to v1, and then v2 begins at its first step',
    ],
    ['R10', 'v1', attempt, 'back: v2 is in progress at step 1/2 with 50%; all traffic goes back to v1'],
    [
      'R23',
      'v2',
      { ...attempt, phase: 'RollingBack' } as const,
      'back: v2 is in progress at step 1/2 with 50%, and is going back to v1',
    ],
  ] as const)('%s: %s', (_rule, version, status, expected) => {
    expect(outlook(version, status)).toBe(expected);
  });

  it('R7: a Rollout that is new, or that nobody has looked at', () => {
    expect(outlook('v2', undefined, { stable: 'v1' })).toBe(
      'starts: the Rollout is new: Sluice takes over with v1 as the stable version, and then v2 replaces it',
    );
    expect(outlook('v1', undefined, { stable: 'v1', isNew: false })).toMatch(/^stays: Sluice has not looked at the Rollout yet/);
    expect(outlook('v2')).toMatch(/^unknown: nothing says which version is stable/);
  });
});

describe('a diff of lines', () => {
  it('shows three lines around, and joins what is near', () => {
    const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'];
    const after = before.map(line => ({ b: 'B', m: 'M' })[line] ?? line);
    expect(unifiedDiff(before.join('\n'), after.join('\n'))).toEqual([
      '@@ -1,5 +1,5 @@',
      ' a',
      '-b',
      '+B',
      ' c',
      ' d',
      ' e',
      '@@ -10,4 +10,4 @@',
      ' j',
      ' k',
      ' l',
      '-m',
      '+M',
    ]);
    expect(unifiedDiff('a\n', 'a\n')).toEqual([]);
  });

  it('taking out and putting in what it says makes the one of the other', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        expect(applied(before, unifiedDiff(before.join('\n'), after.join('\n')))).toEqual(after);
      }),
      { numRuns: 200 },
    );
  });
});

const applied = (before: readonly string[], diff: readonly string[]): readonly string[] => {
  const result: string[] = [];
  let at = 0;
  for (const line of diff) {
    const [, from = '', count = ''] = /^@@ -(\d+),(\d+)/.exec(line) ?? [];
    if (from === '') {
      if (line.startsWith('-') || line.startsWith(' ')) expect(before[at]).toBe(line.slice(1));
      if (!line.startsWith('-')) result.push(line.slice(1));
      if (!line.startsWith('+')) at += 1;
    } else {
      const begin = Number(from) - (count === '0' ? 0 : 1);
      result.push(...before.slice(at, begin));
      at = begin;
    }
  }
  return [...result, ...before.slice(at)];
};

describe('words of people in Markdown', () => {
  it('are no form, tag, link, mention or reference', () => {
    const text = plain('a | b `c` <script>*x*_y_ [l](http://e.com) @alice #12 !3 ~bug www.e.com\n/close');
    expect(text).toBe(
      'a \\| b \\`c\\` &lt;script&gt;\\*x\\*\\_y\\_ \\[l\\](http:\u200b//e.com) @\u200balice #\u200b12 !\u200b3 \\~bug www\u200b.e.com /close',
    );
    expect(plain('at 50%, 5 % of 10')).toBe('at 50%, 5 % of 10');
  });

  it('as code they cannot end it, nor a cell', () => {
    expect(code('v1')).toBe('`v1`');
    expect(code('a`b``c')).toBe('```a`b``c```');
    expect(code('`a|')).toBe('`` `a\\| ``');
    expect(fenced('diff', ['+ ```', '+ <b>'])).toBe('````diff\n+ ```\n+ <b>\n````');
    expect(table(['a'], [])).toBe('');
    expect(details('x', ['', ''])).toBe('');
    expect(details('<x>', ['y'])).toBe('<details><summary>&lt;x&gt;</summary>\n\ny\n\n</details>');
  });

  it('never open anything, whatever they are', () => {
    const nasty = fc.string({ unit: fc.constantFrom('|', '`', '<', '@', 'a', '\\', '\n', '*', '#', '1', '[', '~') });
    fc.assert(
      fc.property(nasty, text => {
        const said = plain(text);
        expect(said).not.toMatch(/(?<!\\)(?:\\\\)*[|`*[~]|[<\n]|[@#](?=\w)/);
        expect(code(text)).not.toMatch(/\n|(?<!\\)(?:\\\\)*\|/);
      }),
      { numRuns: 300 },
    );
  });
});
