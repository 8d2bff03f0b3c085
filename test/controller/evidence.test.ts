import { describe, expect, it, vi } from 'vitest';
import { createEvidenceKeeper, type EvidenceKeeper, type EvidenceOutcome } from '../../src/controller/evidence.ts';
import { type Evidence, type EvidenceStore, SystemError } from '../../src/controller/ports.ts';
import { decodeRecord, replay } from '../../src/rollout/index.ts';
import { createLines } from '../adapters/kubernetes/quiet.ts';
import { createFakes } from './fakes.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 20 };

const away = new SystemError('test', 'storing', 'unavailable', 'does not answer');

/** A keeper with one store whose answers a test decides. */
const createRig = (write: EvidenceStore['write'] = async () => 'written', options: { capacity?: number } = {}) => {
  const written: Evidence[] = [];
  const outcomes: EvidenceOutcome[] = [];
  const { lines, logger } = createLines();
  const store: EvidenceStore = {
    name: 'test',
    write: async (evidence, signal) => {
      const outcome = await write(evidence, signal);
      if (outcome === 'written') written.push(evidence);
      return outcome;
    },
  };
  const keeper = createEvidenceKeeper({
    stores: [store],
    version: '1.2.3',
    digest: text => `digest of ${text.length}`,
    logger,
    onOutcome: (_, outcome) => outcomes.push(outcome),
    firstDelayMs: 1,
    longestDelayMs: 4,
    ...options,
  });
  return { keeper, written, outcomes, lines };
};

/** The reconciler's small world, with evidence. */
const createWorld = (keeper: EvidenceKeeper) => {
  const fakes = createFakes();
  return { ...fakes, hands: Object.assign(fakes.hands, { evidence: keeper }) };
};

const actionsOf = (written: readonly Evidence[]): readonly string[] => written.map(({ name }) => name.replace(/^[^-]+-/, ''));

describe('evidence of what the controller does', () => {
  it('R37, R5: one record a step, with the start and the end; each replays, and the history names it', async () => {
    const { keeper, written } = createRig();
    const { live, world } = createWorld(keeper);
    await live(({ stableVersion }) => stableVersion === 'v2');
    await keeper.drain(1_000);
    expect(actionsOf(written)).toEqual(['started', 'raised', 'raised', 'promoted']);
    for (const { text } of written) {
      const read = decodeRecord(text);
      expect('record' in read && replay(read.record)).toEqual([]);
    }
    const digestOf = (end: string) => written.find(({ name }) => name.endsWith(end))?.digest;
    expect(world.status?.history?.map(({ action, evidence }) => [action, evidence])).toEqual([
      ['adopted', undefined],
      ['started', digestOf('started')],
      ['promoted', digestOf('promoted')],
    ]);
  });

  it('R37, R23: a rollback is recorded with its counts, after the mesh write and before nothing', async () => {
    const { keeper, written } = createRig(async () => {
      world.notes.push('evidence');
      return 'written';
    });
    const { live, world, hands } = createWorld(keeper);
    await live(({ step }) => step?.index === 1);
    world.badPercent = 20;
    world.notes.length = 0;
    await live(({ phase }) => phase === 'RolledBack');
    await hands.evidence?.drain(1_000);
    expect(world.notes.slice(0, 2)).toEqual(['mesh weather/forecast 0', 'evidence']);
    const lowered = written.find(({ name }) => name.endsWith('lowered'));
    expect(lowered?.text).toContain('"counts":{"bad":200,"total":1000}');
    expect(actionsOf(written)).toEqual(['started', 'raised', 'lowered', 'rolledBack']);
  });

  it('R37: a store that hangs delays nothing, and loses nothing', async () => {
    let isBack: () => void = () => {};
    const back = new Promise<void>(resolve => {
      isBack = resolve;
    });
    const { keeper, written } = createRig(async () => {
      await back;
      return 'written';
    });
    const { live } = createWorld(keeper);
    await live(({ stableVersion }) => stableVersion === 'v2');
    expect(written).toEqual([]);
    isBack();
    await keeper.drain(1_000);
    expect(actionsOf(written)).toEqual(['started', 'raised', 'raised', 'promoted']);
  });

  it('R37: a status that cannot be stored takes nothing from the evidence of what was written', async () => {
    const { keeper, written } = createRig();
    const { live, world } = createWorld(keeper);
    await live(({ step }) => step?.index === 1);
    world.badPercent = 20;
    let refusals = 3;
    world.refuse = name => (name === 'status' && refusals-- > 0 ? away : undefined);
    await live(({ phase }) => phase === 'RolledBack');
    await keeper.drain(1_000);
    expect(actionsOf(written)).toContain('lowered');
  });

  it('R37: what could not be written is recorded as the decision that it was, and once more when it is done', async () => {
    const { keeper, written } = createRig();
    const { live, world } = createWorld(keeper);
    await live(({ step }) => step?.index === 1);
    world.badPercent = 20;
    let refusals = 4;
    world.refuse = name => (name.startsWith('mesh') && refusals-- > 0 ? away : undefined);
    await live(({ phase }) => phase === 'RolledBack');
    await keeper.drain(1_000);
    expect(actionsOf(written)).toEqual(['started', 'raised', 'lowered', 'lowered', 'rolledBack']);
  });

  it('R37: a step whose record died with its process is recorded by the next one, as it finds it', async () => {
    const lost = createRig();
    const { live, rest, world, hands } = createWorld(lost.keeper);
    const isRaised = () => world.notes.some(note => note.startsWith('mesh'));
    world.refuse = name => (name === 'status' && isRaised() ? away : undefined);
    while (!isRaised()) world.nowMs += (await rest()) ?? 1_000;
    expect(world.status?.step?.index).toBe(0);
    world.refuse = () => undefined;
    const { keeper, written } = createRig();
    Object.assign(hands, { evidence: keeper });
    await live(({ stableVersion }) => stableVersion === 'v2');
    await keeper.drain(1_000);
    expect(actionsOf(written)).toEqual(['raised', 'raised', 'promoted']);
  });

  it('R37: a raise that is refused is no raise', async () => {
    const { keeper, written } = createRig();
    const { live, world } = createWorld(keeper);
    let refusals = 5;
    world.refuse = name => (name.startsWith('mesh') && refusals-- > 0 ? away : undefined);
    await live(({ step }) => step?.index === 1);
    await keeper.drain(1_000);
    expect(actionsOf(written)).toEqual(['started', 'raised']);
  });

  it('R37: what cannot be put into words stops nothing', async () => {
    const { lines, logger } = createLines();
    const outcomes: string[] = [];
    const keeper = createEvidenceKeeper({
      stores: [{ name: 'test', write: async () => 'written' }],
      version: '1.2.3',
      digest: () => {
        throw new Error('no digest today');
      },
      logger,
      onOutcome: (_, outcome) => outcomes.push(outcome),
    });
    const { live } = createWorld(keeper);
    await live(({ stableVersion }) => stableVersion === 'v2');
    expect(new Set(outcomes)).toEqual(new Set(['lost']));
    expect(lines[0]).toMatchObject({ level: 'error', message: 'evidence cannot be recorded' });
  });
});

describe('the queue of records', () => {
  const prepare = (keeper: EvidenceKeeper, change: { name?: string; nowMs?: number } = {}) => {
    const { current } = createFakes();
    const prepared = keeper.prepare(
      { ...current(), name: change.name ?? 'forecast' },
      {
        observation: {
          installation: { prometheus: [], zipkin: [] },
          mesh: { kind: 'problem', message: '', nothingRoutes: true },
          pods: {},
          measurements: {},
          measuredStep: undefined,
          epoch: 1,
        },
        decision: { status: { phase: 'Paused', reason: 'PausedByPerson', message: '', attempt: 3 }, actions: [] },
        nowMs: change.nowMs ?? Date.UTC(2026, 10, 21, 14),
        isDone: true,
      },
    );
    if (prepared === undefined) throw new Error('preparing: expected a record');
    return prepared;
  };

  it('R37: names a record by its moment and action, within the attempt; a second `keep` does nothing', async () => {
    const { keeper, written, outcomes } = createRig();
    const prepared = prepare(keeper);
    prepared.keep();
    prepared.keep();
    await keeper.drain(1_000);
    expect(written).toMatchObject([
      { name: '20261121T140000000Z-paused', attempt: 3, digest: prepared.digest, rollout: { name: 'forecast', uid: 'f3b0' } },
    ]);
    expect(written[0]?.text).toContain('"controller":"1.2.3"');
    expect(outcomes).toEqual(['written']);
  });

  it('R37: tries again until it is written, logs that once, and keeps the order', async () => {
    let failures = 3;
    const { keeper, written, outcomes, lines } = createRig(async () => {
      if (failures-- > 0) throw away;
      return 'written';
    });
    prepare(keeper, { nowMs: 1_000 }).keep();
    prepare(keeper, { nowMs: 2_000 }).keep();
    await vi.waitFor(() => expect(written).toHaveLength(2), PATIENT);
    expect(written.map(({ name }) => name)).toEqual(['19700101T000001000Z-paused', '19700101T000002000Z-paused']);
    expect(outcomes).toEqual(['failed', 'failed', 'failed', 'written', 'written']);
    expect(lines).toMatchObject([
      {
        level: 'warn',
        message: 'evidence cannot be stored; trying again',
        fields: { rollout: 'weather/forecast', store: 'test', reason: 'storing: does not answer' },
      },
    ]);
  });

  it('R37: a Rollout whose records are refused holds up no other', async () => {
    const { keeper, written } = createRig(async ({ rollout }) => {
      if (rollout.name === 'stuck') throw away;
      return 'written';
    });
    prepare(keeper, { name: 'stuck' }).keep();
    prepare(keeper, { name: 'free' }).keep();
    await vi.waitFor(() => expect(written.map(({ rollout }) => rollout.name)).toEqual(['free']), PATIENT);
    await keeper.drain(10);
  });

  it('R37: is bounded: of the Rollout with the most, an early one is lost, and that is counted and said', async () => {
    const { keeper, written, outcomes, lines } = createRig(
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(away))),
      { capacity: 3 },
    );
    for (const nowMs of [1_000, 2_000, 3_000]) prepare(keeper, { nowMs }).keep();
    prepare(keeper, { name: 'other' }).keep();
    expect(outcomes).toEqual(['lost']);
    expect(lines).toMatchObject([
      {
        message: 'evidence is lost',
        fields: { record: '19700101T000002000Z-paused', reason: 'too many records wait to be stored' },
      },
    ]);
    await keeper.drain(1);
    expect(written).toEqual([]);
    expect(outcomes.filter(outcome => outcome === 'lost')).toHaveLength(4);
  });

  it('R37: what a store has no place for any more is lost at once, and said', async () => {
    const { keeper, outcomes, lines } = createRig(async () => ({ lost: 'namespace weather is gone' }));
    prepare(keeper).keep();
    await keeper.drain(1_000);
    expect(outcomes).toEqual(['lost']);
    expect(lines).toMatchObject([{ message: 'evidence is lost', fields: { reason: 'namespace weather is gone' } }]);
  });

  it('R37: a store that hangs and heeds no signal does not keep the controller from stopping', async () => {
    const { keeper, outcomes } = createRig(() => new Promise(() => {}));
    prepare(keeper, { nowMs: 1_000 }).keep();
    prepare(keeper, { nowMs: 2_000 }).keep();
    await keeper.drain(1);
    expect(outcomes).toEqual(['lost', 'lost']);
    prepare(keeper, { nowMs: 3_000 }).keep();
    expect(outcomes).toEqual(['lost', 'lost', 'lost']);
  });

  it('R37: without a store nothing is prepared', () => {
    const { logger } = createLines();
    const keeper = createEvidenceKeeper({ stores: [], version: '', digest: text => text, logger, onOutcome: () => {} });
    const { current } = createFakes();
    expect(keeper.prepare(current(), {} as Parameters<EvidenceKeeper['prepare']>[1])).toBeUndefined();
  });
});
