import { describe, expect, it } from 'vitest';
import type { StoredRollout } from '../../src/controller/ports.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { createRollouts } from './rig.ts';

const KEY = 'weather/forecast';
const rollout = (status: Partial<RolloutStatus> = {}, uid = 'u1'): StoredRollout => ({
  uid,
  namespace: 'weather',
  name: 'forecast',
  generation: 1,
  resourceVersion: '1',
  creationTimestamp: '2026-11-21T14:00:00Z',
  spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } },
  status: statusOf(status),
});
const statusOf = (more: Partial<RolloutStatus> = {}): RolloutStatus => ({
  phase: 'Progressing',
  reason: 'StepEntered',
  message: 'p99 200 ms',
  canaryVersion: 'v2',
  revision: 'r1',
  step: { index: 1, count: 2 },
  traffic: { weight: 50 },
  ...more,
});

const open = () => {
  const { newest, put, remove } = createRollouts([rollout()]);
  const changes: string[] = [];
  newest.onChange(key => void changes.push(key));
  return { newest, put, remove, changes, message: () => newest.get(KEY)?.status?.message };
};

describe('what a process knows of a Rollout', () => {
  it('R5: has the numbers of the last decision, which are not stored', () => {
    const { newest, message, changes } = open();
    newest.decided(rollout(), statusOf({ message: 'p99 210 ms' }));
    expect([message(), changes]).toEqual(['p99 210 ms', [KEY]]);
  });

  it('keeps what only the stored status has', () => {
    const { newest, put } = open();
    const entry = { at: '', to: 'v2', action: 'started', reason: 'Started', message: '' } as const;
    const source = { name: 'fleet', revision: 'main@sha1:9f3c' };
    put(rollout({ source, history: [{ ...entry, evidence: 'digest' }] }));
    newest.decided(rollout(), statusOf({ message: 'p99 210 ms', history: [entry] }));
    expect(newest.get(KEY)?.status).toMatchObject({ message: 'p99 210 ms', source, history: [{ evidence: 'digest' }] });
  });

  it('is never ahead of what is stored but for numbers', () => {
    const { newest, put, message } = open();
    newest.decided(rollout(), statusOf({ message: 'numbers' }));
    put(rollout({ message: 'stored later' }));
    expect(message()).toBe('stored later');
    put(rollout());
    newest.decided(rollout(), statusOf({ message: 'step 2', step: { index: 2, count: 2 } }));
    expect(message()).toBe('p99 200 ms');
    put(rollout({ message: 'stored by another process' }));
    newest.decided(rollout(), statusOf({ message: 'paused', phase: 'Paused' }));
    expect(message()).toBe('stored by another process');
  });

  it('keeps nothing of a Rollout that was gone before its last round ended', () => {
    const { newest, remove, changes } = open();
    remove(KEY);
    changes.length = 0;
    newest.decided(rollout(), statusOf({ message: 'decided' }));
    expect([newest.timeline.of(rollout()).points, changes]).toEqual([[], []]);
  });

  it('is what is stored once nothing is in progress, for a namesake, and when it is gone', () => {
    const { newest, put, remove, message } = open();
    const decide = () => newest.decided(rollout(), statusOf({ message: 'decided' }));
    decide();
    put(rollout({ message: 'another object' }, 'u2'));
    expect(message()).toBe('another object');
    decide();
    remove(KEY);
    expect(newest.get(KEY)).toBeUndefined();
    put(rollout({ message: 'made anew' }));
    expect(message()).toBe('made anew');
    const { step: _, ...healthy } = statusOf({ phase: 'Healthy' });
    newest.decided(rollout(), healthy);
    expect(message()).toBe('made anew');
  });
});
