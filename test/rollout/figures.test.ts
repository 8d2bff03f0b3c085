import { describe, expect, it } from 'vitest';
import { parseCron } from '../../src/rollout/forward/cron.ts';
import { closedAt } from '../../src/rollout/forward/windows.ts';
import { shownAgainst } from '../../src/rollout/gates/gateFigures.ts';
import { judgeGate } from '../../src/rollout/gates/gates.ts';
import {
  checkSpec,
  type GateSpec,
  type PlanGate,
  parseDuration,
  type RolloutStatus,
  withEvidence,
} from '../../src/rollout/index.ts';
import { refusalOfAnswer } from '../../src/rollout/people/question.ts';
import { wantedGates } from '../../src/rollout/plan/analysis.ts';
import { compilePlan } from '../../src/rollout/plan/plan.ts';
import { isSameJson } from '../../src/rollout/sameJson.ts';
import { START_MS } from '../../src/simulation/world.ts';
import { HALF, SUCCESS_RATE, specOf } from './check.ts';

const ALICE = 'user:alice@example.com';
const AT = new Date(START_MS).toISOString();
const SINCE = { sinceMs: START_MS, pauseMs: 60_000 };
const installation = { prometheus: ['default'], zipkin: ['default'] };
const gates = (...list: readonly GateSpec[]) => specOf(HALF, { analysis: { interval: '5s', gates: list } });
const p99: GateSpec = { prometheus: { metric: 'latency', percentile: 99 }, threshold: { max: 500 } };
const hook: GateSpec = { name: 'ci', webhook: { url: 'https://ci.example.com/smoke' } };

const problemsOf = (gate: GateSpec) =>
  checkSpec(gates(gate), { ...installation, webhookGates: ['https://ci.example.com'] }).map(({ path, severity, message }) => ({
    path: path.replace('spec.analysis.gates[0]', 'gate'),
    severity,
    message,
  }));

describe('what the semantics refuse of gates', () => {
  it('R12: neither a metric nor a query, and both', () => {
    const both = { prometheus: { metric: 'success-rate' as const, query: 'x' }, threshold: { min: 99 } };
    for (const gate of [{ name: 'x', prometheus: {}, threshold: { min: 1 } }, both]) {
      expect(problemsOf(gate)).toContainEqual(
        expect.objectContaining({ path: 'gate.prometheus', message: 'expected either metric or query' }),
      );
    }
  });

  it('R12: samples and a window without a query', () => {
    const gate: GateSpec = { prometheus: { metric: 'success-rate', window: '30s' }, threshold: { min: 99 } };
    expect(problemsOf(gate)).toMatchObject([{ path: 'gate.prometheus', message: 'samples and window belong to a query' }]);
  });

  it('R12, R17: where counts are judged by evidence failureLimit has no meaning', () => {
    expect(problemsOf({ ...SUCCESS_RATE, judge: 'plain', failureLimit: 3 })).toEqual([]);
    expect(problemsOf({ ...SUCCESS_RATE, failureLimit: 3 })).toMatchObject([{ path: 'gate.failureLimit', severity: 'warning' }]);
    expect(problemsOf({ ...hook, failureLimit: 3 })).toEqual([]);
  });

  it('R12: a baseline needs counts of both versions, and evidence', () => {
    const query: GateSpec = { name: 'x', prometheus: { query: 'up' }, threshold: { min: 1 } };
    for (const gate of [
      { ...query, baseline: {} },
      { ...hook, baseline: {} },
      { ...SUCCESS_RATE, judge: 'plain', baseline: {} } as const,
    ])
      expect(problemsOf(gate)).toMatchObject([{ path: 'gate.baseline', severity: 'error' }]);
    expect(problemsOf({ ...p99, baseline: { certify: {} } })).toMatchObject([
      { path: 'gate.baseline.certify', severity: 'error' },
    ]);
    expect(problemsOf({ ...SUCCESS_RATE, baseline: { certify: {} } })).toEqual([]);
    expect(problemsOf({ name: 'errors', prometheus: { metric: 'success-rate' }, baseline: {} })).toEqual([]);
  });
});

describe('what is compiled', () => {
  it('R12: a gate that has no source is left out', () => {
    const { gates: compiled } = compilePlan(gates({ name: 'x', threshold: { min: 1 } }, SUCCESS_RATE), installation, undefined);
    expect(compiled.map(({ name }) => name)).toEqual(['success-rate', 'unattributed']);
  });

  it('R14: by default no gate on spans where nobody knows how many there will be', () => {
    const { analysis: _, ...spec } = specOf(HALF);
    const { gates: compiled } = compilePlan(spec, installation, undefined);
    expect(compiled.filter(({ source }) => source.kind === 'zipkin')).toEqual([]);
  });

  it('R14: a gate without a name is called by what it measures', () => {
    const nameless: readonly GateSpec[] = [{ zipkin: { percentile: 95 }, threshold: { max: 5 } }, p99];
    const compiled = compilePlan(gates(...nameless), installation, undefined).gates.map(({ name }) => name);
    expect(compiled).toEqual(['p95', 'p99', 'unattributed']);
    expect(wantedGates(gates(...nameless))).toHaveLength(2);
  });
});

describe('what gates say', () => {
  const judged = (gate: Partial<PlanGate>, bad: number, value?: number) => {
    const [latency] = compilePlan(gates(p99), installation, undefined).gates;
    const untilMs = START_MS + 60_000;
    const counts = { kind: 'counts', atMs: untilMs, untilMs, counts: { bad, total: 1_000 } } as const;
    const measurement = value === undefined ? counts : { ...counts, value };
    return judgeGate({ ...(latency as PlanGate), ...gate }, undefined, measurement, SINCE);
  };

  it('R14: the percentile that was measured, against its limit', () => {
    expect(judged({}, 3, 300)).toMatchObject({ verdict: 'Pass', value: 300, message: 'p99 300 ms <= 500 ms on 1,000 requests' });
    expect(judged({}, 3)).toMatchObject({
      verdict: 'Pass',
      message: expect.stringContaining('3 of 1,000 requests slower than 500 ms'),
    });
    expect(judged({}, 3)).not.toHaveProperty('value');
  });

  it('R15: data that end long before they were asked for are none', () => {
    const [latency] = compilePlan(gates(p99), installation, undefined).gates;
    const of = (ageMs: number) => {
      const atMs = START_MS + 600_000;
      const counts = { bad: 0, total: 1_000 };
      return judgeGate(latency as PlanGate, undefined, { kind: 'counts', atMs, untilMs: atMs - ageMs, counts }, SINCE).verdict;
    };
    expect([of(0), of(120_000), of(120_001)]).toEqual(['Pass', 'Pass', 'NoData']);
  });

  it('R16: it is known since when a provider has been away', () => {
    const [latency] = compilePlan(gates(p99), installation, undefined).gates;
    const away = (atMs: number) => ({ kind: 'error', atMs, message: 'prometheus/default answers 503' }) as const;
    const first = judgeGate(latency as PlanGate, undefined, away(START_MS), SINCE);
    expect(first).toMatchObject({ verdict: 'Error', since: AT });
    expect(judgeGate(latency as PlanGate, first, away(START_MS + 5_000), SINCE)).toMatchObject({
      verdict: 'Error',
      since: AT,
    });
  });

  it('R25: so many failures that reach no pod are allowed as max says', () => {
    const source = { kind: 'unattributed', provider: 'default' } as const;
    expect(judged({ name: 'unattributed', source, max: 10 }, 60)).toMatchObject({ verdict: 'Pass' });
    expect(judged({ name: 'unattributed', source, max: 1 }, 60)).toMatchObject({ verdict: 'Fail' });
  });

  it('R36: a value that lies on a bound, but for the error of its arithmetic, is shown as that bound', () => {
    expect(shownAgainst({ min: 99 }, 98.999_999_999_9)).toBe(99);
    expect(shownAgainst({ min: 99 }, 98.999_999)).toBe(98.999_999);
  });
});

describe('what people answer', () => {
  const approval = { approvers: [ALICE], required: 2, allowAuthor: true, when: 'before', onTimeout: 'hold' } as const;
  const status = (change: Partial<RolloutStatus> = {}, askedAt?: string): RolloutStatus => ({
    phase: 'AwaitingApproval',
    reason: 'WaitingForApproval',
    message: '',
    revision: 'r',
    plan: {
      ...compilePlan(gates(), installation, undefined),
      steps: [
        { weight: 20, pauseMs: 0 },
        { weight: 50, pauseMs: 0, approval },
      ],
    },
    step: { index: 1, count: 2, ...(askedAt === undefined ? {} : { askedAt }) },
    ...change,
  });
  const answer = { revision: 'r', step: 2, decision: 'approved', by: 'alice', identities: [ALICE], via: 'http', at: AT } as const;

  it('R19: before they were asked it is said that nobody was', () => {
    expect(refusalOfAnswer(status(), [], answer)).toEqual({ kind: 'stale', reason: 'nobody was asked to approve step 2' });
    expect(refusalOfAnswer(status({}, AT), [], answer)).toBeUndefined();
  });

  it('R19: the same person counts once, and not after a rejection', () => {
    const { identities: _, ...known } = answer;
    const again = { kind: 'repeated', reason: 'alice has answered already' };
    expect(refusalOfAnswer(status({ approvals: [known] }, AT), [], answer)).toEqual(again);
    const rejected = { ...known, decision: 'rejected' } as const;
    const over = { kind: 'stale', reason: 'step 2 was rejected by alice via http' };
    expect(refusalOfAnswer(status({ approvals: [rejected] }, AT), [], answer)).toEqual(over);
    expect(refusalOfAnswer(status({ approvals: [rejected] }, AT), [], { ...answer, decision: 'rejected' })).toEqual(again);
    expect(refusalOfAnswer(status({ approvals: [known] }, AT), [], { ...answer, decision: 'rejected' })).toBeUndefined();
  });
});

describe('texts and values', () => {
  it('R12: what only contains a duration is none', () => {
    expect(['5m later', 'in 5m', '10', '', '1h30m'].map(parseDuration)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      5_400_000,
    ]);
  });

  it('R12, R20: windows that contradict themselves are left out', () => {
    expect(parseCron('1-2-3 * * * *')).toHaveProperty('problem');
    expect(closedAt([{ deny: 'every Friday' }], START_MS)).toBeUndefined();
    expect(closedAt([{ deny: '* * * * *', timezone: 'Mars/Olympus' }], START_MS)).toBeUndefined();
    expect(closedAt([{ deny: 'every Friday' }, { deny: '* * * * *' }], START_MS)).toBeDefined();
  });

  it('R2: a field that is undefined is as good as absent', () => {
    expect(isSameJson({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(isSameJson({ a: 1 }, { a: 1, b: undefined })).toBe(true);
    expect(isSameJson({ a: 1, b: 2 }, { a: 1 })).toBe(false);
    expect(isSameJson([1], { 0: 1 })).toBe(false);
  });

  it('R37: a status to whose history nothing was added is stored as it is', () => {
    const bare: RolloutStatus = { phase: 'Healthy', reason: 'UpToDate', message: '' };
    expect(withEvidence(undefined, bare, 'digest')).toBe(bare);
    const told: RolloutStatus = { ...bare, history: [{ at: AT, to: 'v2', action: 'promoted', reason: 'Promoted', message: '' }] };
    expect(withEvidence(told, told, 'digest')).toBe(told);
    expect(withEvidence(bare, told, 'digest').history?.[0]?.evidence).toBe('digest');
  });
});
