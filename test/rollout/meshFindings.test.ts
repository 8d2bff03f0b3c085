import { describe, expect, it } from 'vitest';
import type { MeshFinding, StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, specOf } from './check.ts';
import { watchLaws } from './laws.ts';

const finding = (severity: MeshFinding['severity'], code: string): MeshFinding => ({
  code,
  severity,
  object: 'DestinationRule weather/forecast',
  message: 'its host matches no Service, so every request to it fails; write the name of the Service',
});
const ERROR = finding('error', 'HostNotFound');
const OTHER = finding('error', 'TwoVirtualServices');
const WARNING = finding('warning', 'TracingNotSetUp');

const STEPS: readonly StepSpec[] = [
  { setWeight: 10, pause: { duration: '10s' } },
  { setWeight: 50, pause: { duration: '20s' } },
];
const FOREVER: readonly StepSpec[] = [{ setWeight: 50, pause: {} }];
const HELD = /its host matches no Service, .*write the name of the Service \(HostNotFound\); goes on by itself when it is mended/;

const begin = (steps = STEPS, options: Partial<WorldOptions> = {}, found: readonly MeshFinding[] = []): World => {
  const world = restingWorld({ spec: specOf(steps), onDecision: watchLaws(), ...options });
  world.meshFindings = found;
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(8 * SECOND);
};
/** How often people are told of it: announcements of one name are told once. */
const told = (world: World, reason: string): number =>
  new Set(world.announced.flatMap(known => (known.reason === reason ? [known.name] : []))).size;

describe('R13: a mesh check error', () => {
  it('holds the first raise, is told once, and goes on by itself when it is mended', () => {
    const world = begin(STEPS, {}, [ERROR]);
    check(world, { phase: 'Progressing', reason: 'MeshCheckFailed', step: 0, waitingFor: 'mesh', message: HELD });
    expect(world.status?.meshFindings).toEqual([ERROR]);
    const before = mark(world);
    check(world.run(5 * MINUTE), { step: 0, mesh: [0], writes: { mesh: 0, status: 0, subset: 0 } }, before);
    expect(told(world, 'MeshCheckFailed')).toBe(1);
    expect(world.announced.find(({ reason }) => reason === 'MeshCheckFailed')?.type).toBe('Warning');
    world.meshFindings = [];
    check(world.run(4 * SECOND), { step: 1, mesh: [10] });
    expect(world.status).not.toHaveProperty('meshFindings');
  });

  it('holds each further raise, with the gates judging on', () => {
    const world = begin();
    world.meshFindings = [ERROR];
    check(world.run(20 * SECOND), { phase: 'Progressing', reason: 'MeshCheckFailed', step: 1, mesh: [10], message: HELD });
    const before = mark(world);
    check(world.run(MINUTE), { step: 1, mesh: [10], writes: { mesh: 0 } }, before);
    expect(world.counts.measured).toBeGreaterThan(before.measured);
    world.meshFindings = undefined;
    check(world.run(6 * SECOND), { step: 2, mesh: [50] });
  });

  it('in the middle of a step changes nothing and is stored with the next write', () => {
    const world = begin(FOREVER);
    const before = mark(world);
    world.meshFindings = [ERROR];
    check(world.run(20 * SECOND), { phase: 'Paused', mesh: [50], writes: { mesh: 0, status: 0 } }, before);
  });

  it('is passed by no promotion (R22)', () => {
    const world = begin(FOREVER);
    world.meshFindings = [ERROR];
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1, by: 'alice' });
    check(world.run(20 * SECOND), { reason: 'MeshCheckFailed', step: 1, mesh: [50] });
  });

  it('names what holds now: another one is stored, and told no second time', () => {
    const world = begin(STEPS, {}, [ERROR, OTHER]);
    check(world, { message: /\(HostNotFound\), and 1 more; goes on/ });
    const before = mark(world);
    world.meshFindings = [OTHER];
    check(world.run(5 * SECOND), { message: /\(TwoVirtualServices\); goes on/, writes: { status: 1 } }, before);
    world.meshFindings = [OTHER, WARNING];
    check(world.run(5 * SECOND), { reason: 'MeshCheckFailed', writes: { status: 1 } }, before);
    expect(told(world, 'MeshCheckFailed')).toBe(1);
  });

  it('that comes and goes is told once in a step', () => {
    const world = begin();
    world.meshFindings = [ERROR];
    for (const by of ['alice', 'bob', 'carol']) {
      check(world.run(20 * SECOND), { reason: 'MeshCheckFailed', step: 1 });
      world.freeze = { by, since: new Date(world.nowMs).toISOString() };
      check(world.run(20 * SECOND), { reason: 'Frozen', step: 1 });
      world.freeze = undefined;
    }
    check(world.run(20 * SECOND), { reason: 'MeshCheckFailed', step: 1 });
    expect(told(world, 'MeshCheckFailed')).toBe(1);
  });

  it('is gone from the status when the attempt is over', () => {
    const world = begin(FOREVER, {}, [WARNING]);
    world.ask('{"verb":"abort"}');
    check(world.run(5 * SECOND), { phase: 'RolledBack' });
    expect(world.status).not.toHaveProperty('meshFindings');
  });
});

describe('R23: a rollback is never held by a mesh check', () => {
  it.each<[string, (world: World) => void, string]>([
    ['an abort', world => world.ask('{"verb":"abort"}'), 'Aborted'],
    ['a deletion', world => Object.assign(world, { isDeleting: true }), 'Deleted'],
    ['the old version', world => world.commit({ version: 'v1' }), 'UpToDate'],
    [
      'a gate',
      world => {
        world.truth = { requestsPerSecond: 100, errors: version => (version === 'v2' ? 0.5 : 0) };
      },
      'GateFailed',
    ],
    [
      'pods that are lost for good',
      world => {
        world.setPods('v2', 0);
      },
      'PodsLost',
    ],
  ])('%s puts everything back', (_, happen, reason) => {
    const world = begin(FOREVER);
    world.meshFindings = [ERROR, WARNING];
    happen(world);
    check(world.run(45 * SECOND), { mesh: [0], reason });
  });

  it('R26: what somebody raised is put down', () => {
    const world = begin(FOREVER);
    world.meshFindings = [ERROR];
    world.edit(OBJECT, { v1: 0, v2: 100 });
    check(world.run(SECOND), { mesh: [50] });
  });
});

describe('R25: pods that are back', () => {
  const lost = (): World => {
    const world = begin(FOREVER);
    world.setPods('v2', 0);
    check(world.run(2 * SECOND), { mesh: [0], reason: 'PodsLost' });
    world.meshFindings = [ERROR];
    world.setPods('v2', 3);
    const held = /lost its last ready pod, .*\(HostNotFound\); goes on by itself when it is mended by .*, else it is rolled back/;
    check(world.run(2 * SECOND), { mesh: [0], reason: 'MeshCheckFailed', waitingFor: 'mesh', message: held });
    return world;
  };

  it('R13: get their share when what the mesh check found is mended', () => {
    const world = lost();
    world.meshFindings = [];
    check(world.run(2 * SECOND), { mesh: [50], step: 1, phase: 'Paused' });
  });

  it('are given up like pods that never came back', () => {
    check(lost().run(40 * SECOND), { phase: 'RolledBack', reason: 'PodsLost', mesh: [0] });
  });
});

describe('R26: weights that somebody lowered', () => {
  const ARGO = 'argocd-controller';
  const installation = { prometheus: ['default'], zipkin: [], restore: [ARGO] };

  it('R13: are restored after a known tool when the mesh check finds nothing any more', () => {
    const world = begin(FOREVER, { installation });
    world.meshFindings = [ERROR];
    world.edit(OBJECT, { v1: 100, v2: 0 }, { manager: ARGO });
    check(world.run(20 * SECOND), { mesh: [0], reason: 'MeshCheckFailed', message: /argocd-controller re-applied its file/ });
    expect(told(world, 'MeshCheckFailed')).toBe(1);
    world.meshFindings = [];
    check(world.run(2 * SECOND), { mesh: [50], phase: 'Paused' });
  });

  it('R13: are not put back by resume, which is refused and says why', () => {
    const world = begin(FOREVER);
    world.meshFindings = [ERROR];
    world.edit(OBJECT, { v1: 100, v2: 0 });
    check(world.run(2 * SECOND), { mesh: [0], reason: 'Drift' });
    world.ask('{"verb":"resume"}');
    check(world.run(2 * SECOND), { mesh: [0], reason: 'Drift' });
    expect(world.status?.lastRequest?.outcome).toMatch(/^refused: .*\(HostNotFound\)/);
  });
});

describe('R9, R10: another version', () => {
  it('R9: a fix takes the place of a failed version whatever the mesh check says: nobody gets more than before', () => {
    const world = begin(FOREVER);
    world.setPods('v1', 0);
    world.setPods('v3', 3);
    world.meshFindings = [ERROR];
    world.commit({ version: 'v3' });
    check(world.run(20 * SECOND), { step: 1, weight: 50 });
    expect(world.objects[0]?.weights.versions).toEqual({ v1: 50, v3: 50 });
    check(world.run(20 * SECOND), { step: 1, weight: 50, reason: 'MeshCheckFailed' });
  });

  it('R13: the short way back is a raise as any other', () => {
    const world = begin([{ setWeight: 50, pause: { duration: '5s' } }]).run(MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    world.meshFindings = [ERROR];
    world.commit({ version: 'v1' });
    check(world.run(10 * SECOND), { mesh: [100], reason: 'MeshCheckFailed' });
    world.meshFindings = [];
    check(world.run(2 * SECOND), { mesh: [0] });
  });
});

describe('R13: a mesh check warning', () => {
  it('holds nothing, costs no write (R5), and is named where a step begins', () => {
    const [plain, warned] = [begin(), begin(STEPS, {}, [WARNING])];
    check(warned, {
      step: 1,
      mesh: [10],
      message: /next step at \S+Z; mesh check warnings in status.meshFindings: TracingNotSetUp$/,
    });
    expect(warned.status?.meshFindings).toEqual([WARNING]);
    for (const world of [plain, warned]) check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(warned.counts).toEqual(plain.counts);
    expect(warned.announced.map(({ reason }) => reason)).toEqual(plain.announced.map(({ reason }) => reason));
    expect(warned.status).not.toHaveProperty('meshFindings');
  });

  it('that comes in the middle of a step costs no write either', () => {
    const world = begin(FOREVER);
    const before = mark(world);
    for (const found of [[WARNING], [], [WARNING, finding('warning', 'AppLabelMissing')]]) {
      world.meshFindings = found;
      world.run(10 * SECOND);
    }
    check(world, { writes: { status: 0, mesh: 0 } }, before);
    expect(world.nowMs).toBeGreaterThan(START_MS);
  });
});
