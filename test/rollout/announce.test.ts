import { describe, expect, it } from 'vitest';
import { announcements, type HistoryEntry, pastAnnouncements, type RolloutStatus } from '../../src/rollout/index.ts';

const START_MS = Date.UTC(2026, 10, 21, 14);
const at = (ms: number): string => new Date(START_MS + ms).toISOString();

const entry = (ms: number, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  at: at(ms),
  to: 'v2',
  action: 'started',
  reason: 'Started',
  message: `entry at ${ms}`,
  ...more,
});

const status = (more: Partial<RolloutStatus> = {}): RolloutStatus => ({
  phase: 'Progressing',
  reason: 'StepEntered',
  message: 'step 1/2',
  revision: '7c1f09d2',
  step: { index: 1, count: 2, startedAt: at(0) },
  ...more,
});

const names = (told: readonly { readonly name: string }[]): readonly string[] => told.map(({ name }) => name);

describe('R35: what people are told', () => {
  it('nothing when neither phase, step, reason, history nor a request has changed', () => {
    expect(announcements('uid', status(), status({ message: 'p99 213 ms' }))).toEqual([]);
  });

  it('an entry of the history that came without any other change', () => {
    const approved = entry(5_000, { action: 'approved', reason: 'Approved', message: 'alice approved step 2 (1 of 2)' });
    const told = announcements('uid', status(), status({ history: [approved] }));
    expect(told).toMatchObject([{ type: 'Normal', reason: 'Approved', message: 'alice approved step 2 (1 of 2)' }]);
    expect(announcements('uid', status({ history: [approved] }), status({ history: [{ ...approved, evidence: 'x' }] }))).toEqual(
      [],
    );
  });

  it('each of several entries that came at once, in their order', () => {
    const superseded = entry(1_000, { action: 'superseded', reason: 'Superseded', message: 'v3 takes the place of v2' });
    const started = entry(1_000, { message: 'starting v3' });
    const after = status({ reason: 'Started', message: 'starting v3', history: [superseded, started] });
    const told = announcements('uid', status(), after);
    expect(told.map(({ message }) => message)).toEqual(['v3 takes the place of v2', 'starting v3']);
    expect(new Set(names(pastAnnouncements('uid', after, START_MS)))).toEqual(new Set(names(told)));
  });

  it('each thing once, whether its entry or the phase tells of it', () => {
    const rolledBack = entry(9_000, { action: 'rolledBack', reason: 'GateFailed', message: 'all traffic on v1' });
    const after = status({ phase: 'RolledBack', reason: 'GateFailed', message: 'all traffic on v1', history: [rolledBack] });
    const told = announcements('uid', status({ phase: 'RollingBack', reason: 'GateFailed' }), after);
    expect(told).toMatchObject([{ type: 'Warning', reason: 'GateFailed', message: 'all traffic on v1' }]);
    expect(names(pastAnnouncements('uid', after, START_MS + 1_000))).toEqual(names(told));
  });

  it('is called differently in another rollout, at another time, in another step', () => {
    const told = [
      announcements('uid', undefined, status()),
      announcements('other', undefined, status()),
      announcements('uid', undefined, status({ step: { index: 2, count: 2, startedAt: at(0) } })),
      announcements('uid', undefined, status({ step: { index: 1, count: 2, startedAt: at(9_000) } })),
      announcements('uid', status(), status({ history: [entry(1_000)] })),
      announcements('uid', status(), status({ history: [entry(2_000)] })),
    ].map(names);
    expect(new Set(told.flat()).size).toBe(told.length);
  });
});

describe('R35: what people were told', () => {
  it('is called as it was then, oldest first, up to the moment that is asked for', () => {
    const history = [entry(-700_000), entry(-300_000, { action: 'promoted', reason: 'Promoted' }), entry(-1_000)];
    const now = status({ history });
    const past = pastAnnouncements('uid', now, START_MS - 600_000);
    expect(past.map(({ message }) => message)).toEqual(['entry at -300000', 'entry at -1000', 'step 1/2']);
    expect(past.map(told => told.at)).toEqual([at(-300_000), at(-1_000), at(0)]);
    expect(names(past).at(-1)).toBe(names(announcements('uid', undefined, now)).at(-1));
  });

  it('a rest of days is no news', () => {
    const days = entry(-3 * 86_400_000, { action: 'promoted', reason: 'Promoted', message: 'v2 is stable' });
    const { step: _, ...healthy } = status({ phase: 'Healthy', reason: 'Promoted', message: 'v2 is stable', history: [days] });
    expect(pastAnnouncements('uid', healthy, START_MS - 600_000)).toEqual([]);
  });

  it('how a request was refused is part of it; one that was carried out is told by what it changed', () => {
    const lastRequest = { id: 'a', verb: 'promote', outcome: 'refused: stale', at: at(3_000) };
    const refused = pastAnnouncements('uid', status({ lastRequest }), START_MS + 1_000);
    expect(refused).toMatchObject([{ reason: 'RequestRefused', type: 'Warning', at: at(3_000) }]);
    expect(names(refused)).toEqual(names(announcements('uid', status(), status({ lastRequest }))));
    const accepted = status({ lastRequest: { ...lastRequest, outcome: 'accepted' } });
    expect(pastAnnouncements('uid', accepted, START_MS + 1_000)).toEqual([]);
  });
});
