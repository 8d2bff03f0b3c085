import { describe, expect, it } from 'vitest';
import {
  decide,
  decodeRecord,
  type EvidenceRecord,
  encodeRecord,
  recordOf,
  replay,
  withEvidence,
} from '../../src/rollout/index.ts';
import { type Decided, decisionsOf, recordsOf, STORIES } from '../records/stories.ts';

const first = (name: string, action: string): EvidenceRecord => {
  const found = recordsOf(name).find(record => record.action === action);
  if (found === undefined) throw new Error(`${name} has no record ${action}`);
  return found;
};
const missing = (): never => {
  throw new Error('the story has no such decision');
};
const reread = (record: EvidenceRecord): EvidenceRecord => {
  const read = decodeRecord(encodeRecord(record));
  if ('problem' in read) throw new Error(read.problem);
  return read.record;
};
/** A record of any decision, worth one or not. */
const forced = ({ rollout, observation, decision, nowMs }: Decided): EvidenceRecord => ({
  ...first('promoted', 'started'),
  at: new Date(nowMs).toISOString(),
  rollout,
  observation,
  decision,
});

describe('which decisions have a record', () => {
  it.each([
    ['promoted', 'started raised raised promoted'],
    ['gateFailed', 'started raised lowered rolledBack'],
    ['podsLost', 'started raised lowered lowered rolledBack'],
    ['podsBack', 'started raised lowered raised raised promoted'],
    ['aborted', 'started raised lowered rolledBack'],
    ['byHand', 'started raised raised paused paused raised promoted'],
    ['approved', 'started raised paused approved approved raised raised promoted'],
    ['gatePaused', 'started raised paused lowered rolledBack'],
    ['edited', 'started raised edited raised raised promoted'],
    ['drift', 'started raised lowered restored raised promoted'],
    ['superseded', 'started raised lowered superseded started raised raised promoted'],
  ])('R37: %s: %s', (name, actions) => {
    expect(
      recordsOf(name)
        .map(({ action }) => action)
        .join(' '),
    ).toBe(actions);
  });

  it('R37: what could not be written is no raise; that everything has to go back is recorded all the same', () => {
    const decided = decisionsOf('gateFailed');
    const recorded = decided.flatMap(
      one => recordOf({ controller: '', isDone: false, recordedSeq: Number.MAX_VALUE, ...one })?.action ?? [],
    );
    expect(recorded).not.toContain('raised');
    expect(recorded).toEqual(['started', 'lowered', 'rolledBack']);
  });
});

describe('replaying', () => {
  it.each(Object.keys(STORIES))('R37, R1: every decision of %s comes out the same after a way through JSON', name => {
    const decided = decisionsOf(name);
    expect(decided.length).toBeGreaterThan(5);
    for (const one of decided) expect(replay(reread(forced(one))), one.decision.status.message).toEqual([]);
  });

  it.each(Object.keys(STORIES))('R37: the decisions of %s do not hang on the order of keys', name => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, turned(inner)]),
      );
    };
    for (const record of recordsOf(name)) expect(replay(turned(record) as EvidenceRecord)).toEqual([]);
  });

  it('R37: one changed count is another decision, and the places are named', () => {
    const text = encodeRecord(first('gateFailed', 'lowered'));
    const bad = /"success-rate":\{[^}]*"counts":\{"bad":(\d+)/.exec(text)?.[1];
    expect(Number(bad)).toBeGreaterThan(0);
    const read = decodeRecord(text.replace(/("success-rate":\{[^}]*"counts":\{"bad":)\d+/, '$10'));
    if ('problem' in read) throw new Error(read.problem);
    const differences = replay(read.record);
    expect(differences).toContainEqual({ path: 'decision.status.phase', recorded: 'RollingBack', now: 'Progressing' });
    expect(differences.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['decision.status.gates[0].verdict', 'decision.actions[0]', 'decision.status.reason']),
    );
  });

  it('R37: fields of later builds are kept, and are no difference unless they stand in the decision', () => {
    const record = first('promoted', 'raised');
    const later = { ...record, signedBy: 'x', observation: { ...record.observation, weather: { rain: 1 } } };
    expect(reread(later)).toMatchObject({ signedBy: 'x', observation: { weather: { rain: 1 } } });
    expect(replay(reread(later))).toEqual([]);
    const decision = { ...record.decision, mood: 'good' };
    expect(replay(reread({ ...record, decision }))).toEqual([{ path: 'decision.mood', recorded: 'good' }]);
  });
});

describe('a record as JSON', () => {
  it('R37: numbers that JSON cannot say come back as they were', () => {
    const numbers = { nan: Number.NaN, much: Number.POSITIVE_INFINITY, little: Number.NEGATIVE_INFINITY, zero: -0, one: 1 };
    const record = first('promoted', 'started');
    const back = reread({ ...record, observation: { ...record.observation, numbers } as EvidenceRecord['observation'] });
    const found = (back.observation as unknown as { numbers: Record<string, number> }).numbers;
    for (const [name, value] of Object.entries(numbers)) expect(Object.is(found[name], value), name).toBe(true);
  });

  it('R37: holds no user and no password of a URL, and the decision is the same without them', () => {
    const decided = decisionsOf('gateFailed').find(({ decision }) => decision.status.phase === 'RollingBack') ?? missing();
    const gates = [{ name: 'ci', webhook: { url: 'https://alice:hunter2@ci.example.com/a@b' } }];
    const rollout = { ...decided.rollout, spec: { ...decided.rollout.spec, analysis: { gates } } };
    const record = { ...forced(decided), rollout, decision: decide(rollout, decided.observation, decided.nowMs) };
    expect(encodeRecord(record)).toContain('https://redacted@ci.example.com/a@b');
    expect(encodeRecord(record)).not.toMatch(/alice|hunter2/);
    expect(replay(reread(record))).toEqual([]);
  });

  it('R37: is the same text after reading and writing it again', () => {
    const text = encodeRecord(first('promoted', 'promoted'));
    expect(encodeRecord(reread(first('promoted', 'promoted')))).toBe(text);
  });

  it.each([
    ['{', /is no JSON .*expected an evidence record/],
    ['[]', /is no evidence record, expected apiVersion sluice.dev\/v1alpha1 and kind EvidenceRecord/],
    [JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap' }), /is no evidence record/],
  ])('R37: %s is refused with what was expected', (text, message) => {
    expect(decodeRecord(text)).toEqual({ problem: expect.stringMatching(message) });
  });

  it.each([
    [{ format: 2 }, 'has format 2, expected 1; another version of sluice wrote it'],
    [{ at: 'noon' }, 'at is "noon", expected a time (RFC 3339)'],
    [{ rollout: { name: 'x' } }, 'rollout.spec is missing, expected an object'],
    [{ observation: { installation: {} } }, 'observation.mesh is missing, expected an object'],
    [{ decision: undefined }, 'decision.status is missing, expected an object'],
  ])('R37: %j is refused', (change, problem) => {
    expect(decodeRecord(JSON.stringify({ ...first('promoted', 'started'), ...change }))).toEqual({ problem });
  });
});

describe('the digest in the history', () => {
  it('R37: stands in the entries of this decision only', () => {
    const { rollout, decision } = first('promoted', 'promoted');
    const status = withEvidence(rollout.status, decision.status, 'abc');
    expect(status.history?.map(({ action, evidence }) => [action, evidence])).toEqual([
      ['adopted', undefined],
      ['started', undefined],
      ['promoted', 'abc'],
    ]);
    expect(withEvidence(status, status, 'def')).toEqual(status);
  });
});
