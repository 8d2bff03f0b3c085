import { describe, expect, it } from 'vitest';
import type { TimelinePoint } from '../../src/controller/view-ports.ts';
import { advice, boundsText, causeOf, gatesShown, markOf, verdictOf, versionsText } from '../../src/dashboard/detail.js';
import { decisionLines, decisiveDigest, measuredLines, worldLines } from '../../src/dashboard/record.js';
import { recordsOf } from '../records/stories.ts';
import { detailOf } from './details.ts';

const FAILED = {
  name: 'success-rate',
  source: 'prometheus/default',
  verdict: 'Fail',
  value: 70,
  samples: 750,
  message: 'success-rate 70 % < 99 % on 750 requests',
} as const;
const PASSED = { ...FAILED, name: 'p99', verdict: 'Pass', message: 'p99 120 ms' } as const;

const pointAt = (at: string, phase: string, gates: TimelinePoint['gates'] = []): TimelinePoint => ({
  at,
  phase,
  version: 'v2',
  revision: '7c1f09d2',
  weight: 50,
  gates,
});
const POINTS = [
  pointAt('2026-11-21T14:00:10Z', 'Progressing', [{ name: 'success-rate', verdict: 'Pass', value: 99.5, min: 99, unit: '%' }]),
  pointAt('2026-11-21T14:00:20Z', 'RollingBack'),
  pointAt('2026-11-21T14:00:21Z', 'RolledBack'),
];

const rolledBack = () => {
  const { step: _step, plan: _plan, ...status } = detailOf({}).status;
  const over = { phase: 'RolledBack', reason: 'GateFailed', message: 'all traffic on v1', gates: [PASSED, FAILED] } as const;
  const { view } = detailOf(over);
  return { ...detailOf({}), status: { ...status, ...over }, view };
};

describe('the box at the top', () => {
  it('R23: leads from RolledBack to the gate that failed, with its limit and the moment, though the plan is forgotten', () => {
    const cause = causeOf(rolledBack(), POINTS);
    expect(cause).toMatchObject({ title: 'rolled back: a gate failed', sentence: 'all traffic on v1', isDecided: true });
    expect(cause?.at).toBe('2026-11-21T14:00:20Z');
    expect(cause?.gates).toMatchObject([{ name: 'success-rate', value: '70 %', limit: '>= 99 %' }]);
  });

  it('R25: says the sentence where no gate is the cause', () => {
    const lost = detailOf({ phase: 'RolledBack', reason: 'PodsLost', message: 'v2 has no ready pod', gates: [FAILED] });
    expect(causeOf(lost, [])).toMatchObject({ sentence: 'v2 has no ready pod', gates: [] });
  });

  it('R16: names what is in the way while nothing is decided', () => {
    const away = detailOf({ gates: [PASSED, { ...FAILED, verdict: 'Error', message: 'prometheus does not answer' }] });
    expect(causeOf(away, [])).toMatchObject({ isDecided: false, gates: [{ name: 'success-rate' }] });
  });

  it('is not there while all goes as it should', () => {
    expect(causeOf(detailOf({ gates: [PASSED] }), POINTS)).toBeUndefined();
  });
});

describe('what is shown of a status', () => {
  it('numbers that have lost their unit get it back, others keep theirs', () => {
    const { view } = rolledBack();
    const bare = { ...view, gates: view.gates.map(({ limit: _, ...gate }) => ({ ...gate, value: '70', baseline: '71 %' })) };
    expect(gatesShown(bare, POINTS).map(({ name, value, baseline }) => [name, value, baseline])).toEqual([
      ['success-rate', '70 %', '71 %'],
      ['p99', '70', '71 %'],
    ]);
    const known = { ...view, gates: view.gates.map(gate => ({ ...gate, limit: '<= 1 %' })) };
    expect(gatesShown(known, POINTS)).toEqual(known.gates);
    expect([boundsText({ min: 1, max: 2 }, 'ms'), boundsText({})]).toEqual(['>= 1 ms and <= 2 ms', '']);
  });

  it.each([
    [{ wanted: 'v2' }, 'v2'],
    [{ wanted: 'v2', stable: 'v1', canary: 'v2' }, 'v1 → v2'],
    [{ wanted: 'v1', stable: 'v1' }, 'v1'],
    [{ wanted: 'v3', stable: 'v1', canary: 'v2' }, 'v1 → v2'],
  ])('versions %j are %s', (versions, text) => {
    expect(versionsText(versions)).toBe(text);
  });

  it('a command at the end of a line of advice can be copied', () => {
    expect(advice('to go back at once: kubectl annotate sro x \'a={"verb": 1}\'')).toEqual({
      words: 'to go back at once',
      command: 'kubectl annotate sro x \'a={"verb": 1}\'',
    });
    expect(advice('mend v1: it has no ready pod')).toEqual({ words: 'mend v1: it has no ready pod' });
  });

  it('what is not known here is shown as it is', () => {
    expect([markOf('done').words, markOf('odd').words, verdictOf('Fail').words, verdictOf('Odd').words]).toEqual([
      'done',
      'odd',
      'fails',
      'Odd',
    ]);
  });
});

const RECORDS = recordsOf('gateFailed');
const LINES = RECORDS.map((record, index) => {
  const { status } = record.decision;
  return {
    digest: `digest-${index}`,
    attempt: status.attempt ?? 0,
    name: record.action,
    at: record.at,
    action: record.action,
    phase: status.phase,
    weight: status.traffic?.weight ?? 0,
    ...(status.step === undefined ? {} : { step: status.step.index }),
    message: status.message,
    gates: [],
  };
});
const digestOf = (action: string): string => LINES.find(line => line.action === action)?.digest ?? '';
const HISTORY = (RECORDS.at(-1)?.decision.status.history ?? []).map(entry =>
  entry.action === 'rolledBack' ? { ...entry, evidence: digestOf('rolledBack') } : entry,
);

describe('the list of decisions', () => {
  it('R37: has what stands in the history, newest first, and between it what has only a record', () => {
    const actions = decisionLines(HISTORY, LINES).map(({ action }) => action);
    expect(actions.indexOf('rolledBack')).toBe(0);
    expect(actions.indexOf('lowered')).toBeGreaterThan(0);
    expect(actions.indexOf('raised')).toBeGreaterThan(actions.indexOf('lowered'));
    expect(actions.filter(action => action === 'rolledBack')).toHaveLength(1);
    expect(decisionLines(HISTORY, []).map(({ key }) => key)).toHaveLength(HISTORY.length);
  });

  it('R37: of a way back the record that holds the measurements counts, not the one that the mesh has obeyed', () => {
    const over = { phase: 'RolledBack', history: HISTORY };
    expect(decisiveDigest(LINES, over)).toBe(digestOf('lowered'));
    expect(decisiveDigest([], over)).toBe(digestOf('rolledBack'));
    expect(decisiveDigest(LINES, { phase: 'RollingBack', history: [] })).toBe(digestOf('lowered'));
  });

  it('R37: of a pause by a gate it is the record of the pause, not that of an attempt before', () => {
    const [first] = LINES;
    if (first === undefined) throw new Error('the story has no record');
    const later = { ...first, digest: 'paused-later', attempt: 2, action: 'paused' } as const;
    expect(decisiveDigest([...LINES, later], { phase: 'Paused', history: HISTORY })).toBe('paused-later');
    expect(decisiveDigest(LINES, { phase: 'Paused', history: HISTORY })).toBeUndefined();
  });

  it('R37: a record is told in words: counts, weights, pods', () => {
    const lowered = RECORDS.find(({ action }) => action === 'lowered');
    if (lowered === undefined) throw new Error('the story has no way back');
    expect(measuredLines(lowered).find(({ name }) => name === 'success-rate')?.lines[0]).toMatch(
      /^new version: [\d,]+ bad of [\d,]+ \([\d.]+ %\)$/,
    );
    expect(worldLines(lowered)).toContain('v1: 3 of 3 pods ready');
    expect(worldLines(lowered)[0]).toMatch(/^weather\/forecast: v1 \d+ %, v2 \d+ %$/);
  });

  it('R37: names the failures and the pods behind them', () => {
    const [record] = RECORDS;
    if (record === undefined) throw new Error('the story has no record');
    const counts = {
      kind: 'counts',
      atMs: 0,
      untilMs: 0,
      counts: { bad: 41, total: 1_052 },
      stable: { bad: 0, total: 900 },
      causes: [{ what: '503 UH', count: 41 }],
      pods: [{ name: 'forecast-v2-x', requests: 500, failures: 38 }],
    } as const;
    const seen = {
      ...record,
      observation: {
        ...record.observation,
        measurements: { rate: counts, hook: { kind: 'error', atMs: 0, message: 'timed out' } as const },
      },
    };
    expect(measuredLines(seen)).toEqual([
      {
        name: 'rate',
        lines: [
          'new version: 41 bad of 1,052 (3.9 %)',
          'stable version: 0 bad of 900 (0 %)',
          'failures: 503 UH (41)',
          'pod forecast-v2-x: 38 of 500 failed',
        ],
      },
      { name: 'hook', lines: ['no answer: timed out'] },
    ]);
  });
});
