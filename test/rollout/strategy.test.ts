import { describe, expect, it } from 'vitest';
import type { AbTestSpec, BlueGreenSpec, Installation, RolloutSpec, StepSpec, StrategySpec } from '../../src/rollout/index.ts';
import { planHash } from '../../src/rollout/plan/plan.ts';
import { compileStrategy } from '../../src/rollout/plan/strategy.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, MINUTE, mark, restingWorld, SECOND, SUCCESS_RATE } from './check.ts';
import { watchLaws } from './laws.ts';

const GATEWAY = 'weather/gateway';
const JASON = [{ headers: { 'end-user': { exact: 'jason' } } }];
const PREVIEW = [{ match: JASON }];
const ROUTING: Installation = { prometheus: ['default'], zipkin: [] };

const specWith = (strategy: StrategySpec, change: Partial<RolloutSpec> = {}): RolloutSpec => ({
  version: 'v1',
  strategy,
  analysis: { interval: '5s', gates: [SUCCESS_RATE] },
  ...change,
});

/** v2 was committed, with pods, some seconds ago. */
const started = (strategy: StrategySpec, options: Partial<WorldOptions> = {}): World => {
  const installation = ROUTING;
  const world = restingWorld({ spec: specWith(strategy), installation, onDecision: watchLaws(), ...options });
  world.setPods('v2', 3);
  world.commit({ version: 'v2' });
  return world.run(8 * SECOND);
};
const bad = { errors: (version: string, ms: number) => (version === 'v2' && ms > START_MS + 30 * SECOND ? 0.5 : 0) };
const two = () => {
  const weights = { versions: { v1: 100 }, foreign: 0 };
  return { [GATEWAY]: weights, [OBJECT]: weights };
};
const routes = (world: World) => world.objects.map(object => object.routes);
const promote = (world: World): void =>
  world.ask({ verb: 'promote', revision: world.status?.revision, step: world.status?.step?.index });

const canary = (steps: readonly StepSpec[]): StrategySpec => ({ canary: { steps } });
const blueGreen = (spec: BlueGreenSpec): StrategySpec => ({ blueGreen: spec });
const abTest = (duration: string | undefined, after?: AbTestSpec['then']): StrategySpec => ({
  // biome-ignore lint/suspicious/noThenProperty: the name is part of the contract, and a spec is never awaited
  abTest: { match: JASON, duration, then: after },
});

describe('every strategy is one list of steps', () => {
  it('R28: header and mirror carry over from step to step until they are changed; an empty one removes', () => {
    const { steps } = compileStrategy(
      canary([
        { setMirrorRoute: { percentage: 50 } },
        { setHeaderRoute: { match: JASON } },
        { setMirrorRoute: {} },
        { setWeight: 20 },
        { setHeaderRoute: {} },
        { setHeaderRoute: { match: JASON }, setWeight: 40 },
        { setWeight: 100 },
      ]),
    );
    expect(steps.map(({ weight, headerRoutes, mirror }) => [weight, headerRoutes?.length ?? 0, mirror?.percentage ?? 0])).toEqual(
      [
        [0, 0, 50],
        [0, 1, 50],
        [0, 1, 0],
        [20, 1, 0],
        [20, 0, 0],
        [40, 1, 0],
        [100, 0, 0],
      ],
    );
  });

  it('R28: the step that is added at 100 has neither', () => {
    expect(compileStrategy(canary([{ setHeaderRoute: { match: JASON }, setMirrorRoute: { percentage: 100 } }])).steps).toEqual([
      { weight: 0, pauseMs: 0, headerRoutes: PREVIEW, mirror: { percentage: 100 } },
      { name: 'bake', weight: 100, pauseMs: 0 },
    ]);
  });

  it('blueGreen: a preview that lasts as long as it is held, and then everybody', () => {
    const approval = { approvers: ['group:release'] };
    const filled = { when: 'before', required: 1, approvers: ['group:release'], onTimeout: 'hold', allowAuthor: false };
    const compile = (spec: BlueGreenSpec) => compileStrategy(blueGreen(spec));
    expect(
      compile({ preview: { match: JASON }, mirror: { percentage: 30 }, hold: { duration: '10m' }, approval, bake: '1m' }),
    ).toEqual({
      steps: [
        { name: 'preview', weight: 0, pauseMs: 600_000, headerRoutes: PREVIEW, mirror: { percentage: 30 } },
        { name: 'switch', weight: 100, pauseMs: 60_000, approval: filled },
      ],
    });
    expect(compile({ hold: {} }).steps).toEqual([
      { name: 'preview', weight: 0, pauseMs: null },
      { name: 'switch', weight: 100, pauseMs: 0 },
    ]);
    expect(compile({}).steps).toEqual([{ name: 'switch', weight: 100, pauseMs: 0 }]);
  });

  it('abTest: what happens after its time is chosen beforehand', () => {
    const compile = (...given: Parameters<typeof abTest>) => {
      const { steps, end } = compileStrategy(abTest(...given));
      return [...steps.map(({ weight, pauseMs, headerRoutes }) => [weight, pauseMs, headerRoutes?.length ?? 0]), end];
    };
    expect(compile('24h')).toEqual([[0, 86_400_000, 1], [100, 0, 0], undefined]);
    expect(compile(undefined, 'promote')).toEqual([[0, null, 1], [100, 0, 0], undefined]);
    expect(compile('1m', 'hold')).toEqual([[0, 60_000, 1], [0, null, 1], [100, 0, 0], undefined]);
    expect(compile(undefined, 'hold')).toEqual([[0, null, 1], [100, 0, 0], undefined]);
    expect(compile('1m', 'end')).toEqual([[0, 60_000, 1], 'stable']);
  });

  it('R11: the hash of a plan covers approvals and routes, and not the order of fields', () => {
    const approval = { approvers: ['group:release'], required: 1 };
    const spec = specWith(canary([{ setWeight: 10, approval }]));
    const turned = specWith(canary([{ approval: { required: 1, approvers: ['group:release'] }, setWeight: 10 }]));
    expect(planHash(turned)).toBe(planHash(spec));
    const others = [
      canary([{ setWeight: 10, approval: { ...approval, allowAuthor: true } }]),
      canary([{ setWeight: 10, approval, setHeaderRoute: { match: JASON } }]),
      blueGreen({}),
    ];
    const hashes = [spec, ...others.map(strategy => specWith(strategy))].map(planHash);
    expect(new Set(hashes).size).toBe(4);
    expect(planHash({ ...spec, paused: true, windows: [] })).toBe(planHash(spec));
  });
});

describe('blueGreen', () => {
  const spec = blueGreen({ preview: { match: JASON }, mirror: { percentage: 100 }, hold: { duration: '30s' }, bake: '20s' });

  it('R28: previews at weight 0, then switches everybody in one write', () => {
    const world = started(spec);
    check(world, { phase: 'Progressing', step: 1, mesh: [0], waitingFor: 'pause', writes: { mesh: 1, finalizer: 1 } });
    check(world, { message: /step 1\/2 at 0% with a header route and a mirror of 100%: / });
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW, mirror: { percentage: 100 } }]);
    check(world.run(30 * SECOND), { step: 2, mesh: [100], writes: { mesh: 2 } });
    expect(routes(world)).toEqual([undefined]);
    check(world.run(MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100], writes: { mesh: 2 } });
  });

  it('R14: gates judge the preview, though its weight is 0', () => {
    const world = started(spec, { truth: { requestsPerSecond: 0 } });
    check(world.run(2 * MINUTE), { step: 1, mesh: [0], waitingFor: 'gates' });
    expect(world.status?.gates?.map(({ verdict }) => verdict)).toContain('NoData');
    world.truth = { requestsPerSecond: 100 };
    check(world.run(10 * SECOND), { step: 2, mesh: [100] });
  });

  it('R18: when nobody sends the header, the message says what it may be; it goes on when requests come', () => {
    const unused = /no requests of the new version yet; likely causes: nobody sends what the header route asks for/;
    const world = started(blueGreen({ preview: { match: JASON }, hold: { duration: '10s' } }), {
      truth: { requestsPerSecond: 0 },
    });
    expect(world.status?.message).not.toMatch(unused);
    check(world.run(MINUTE), { step: 1, reason: 'WaitingForGates', message: unused });
    world.truth = { requestsPerSecond: 100 };
    check(world.run(10 * SECOND), { stable: 'v2' });
    const copies = started(blueGreen({ mirror: { percentage: 10 }, hold: { duration: '10s' } }), {
      truth: { requestsPerSecond: 0 },
    });
    expect(copies.run(MINUTE).status?.message).not.toMatch(/header/);
  });

  it('R17, R23: a gate that fails in the preview takes the routes away in one write', () => {
    const world = started(blueGreen({ preview: { match: JASON }, hold: { duration: '10m' } }), { truth: bad });
    const before = mark(world);
    check(world.run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', mesh: [0], writes: { mesh: 1 } }, before);
    expect(routes(world)).toEqual([undefined]);
  });

  it('R19: the approval comes before the switch', () => {
    const approval = { approvers: ['group:release'] };
    const world = started(blueGreen({ preview: { match: JASON }, hold: { duration: '5s' }, approval })).run(20 * SECOND);
    check(world, { phase: 'AwaitingApproval', step: 1, mesh: [0], message: /step 2 at 100% needs the approval/ });
    const at = new Date(world.nowMs).toISOString();
    const { revision = '' } = world.status ?? {};
    const by = { by: 'alice', identities: ['group:release'], via: 'http', at };
    world.answers.push({ revision, step: 2, decision: 'approved', ...by });
    check(world.run(2 * SECOND), { step: 2, mesh: [100] });
  });

  it('R20: hold: {} lasts until a person promotes; bare, it switches at once', () => {
    const world = started(blueGreen({ preview: { match: JASON }, hold: {} }));
    check(world.run(60 * MINUTE), { phase: 'Paused', waitingFor: 'person', step: 1, mesh: [0] });
    promote(world);
    check(world.run(2 * SECOND), { step: 2, mesh: [100] });
    check(started(blueGreen({ bake: '1m' })), { step: 1, mesh: [100] });
  });

  it('R10: after the switch the way back to the old version is one write', () => {
    const world = started(spec).run(2 * MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    const before = mark(world);
    world.commit({ version: 'v1' });
    check(world.run(5 * SECOND), { mesh: [0], writes: { mesh: 1 } }, before);
  });
});

describe('a header route or a mirror at weight 0', () => {
  const header: StrategySpec = canary([
    { setHeaderRoute: { match: JASON }, pause: { duration: '60s' } },
    { setWeight: 50, setHeaderRoute: {}, pause: { duration: '20s' } },
  ]);
  const mirror: StrategySpec = canary([
    { setMirrorRoute: { percentage: 100 }, pause: { duration: '60s' } },
    { setMirrorRoute: {}, setWeight: 50, pause: { duration: '20s' } },
  ]);

  it.each([
    ['header', header],
    ['mirror', mirror],
  ])('R13: %s: the subset and a ready pod come first', (_kind, strategy) => {
    const world = restingWorld({ spec: specWith(strategy), installation: ROUTING, onDecision: watchLaws() });
    world.setPods('v2', 0);
    world.commit({ version: 'v2' });
    check(world.run(MINUTE), { phase: 'Pending', writes: { mesh: 0, subset: 0 } });
    world.setPods('v2', 3);
    check(world.run(10 * SECOND), { step: 1, mesh: [0], writes: { mesh: 1, subset: 1 } });
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([0, 50, 100]);
    expect(routes(world)).toEqual([undefined]);
  });

  it.each([
    ['header', header],
    ['mirror', mirror],
  ])('R25: %s: without a ready pod it is taken away at once, and comes back with one within 30 s', (_kind, strategy) => {
    const world = started(strategy);
    world.setPods('v2', 0);
    check(world.run(SECOND), { reason: 'PodsLost', mesh: [0], step: 1 });
    expect(routes(world)).toEqual([undefined]);
    world.setPods('v2', 3);
    world.run(5 * SECOND);
    expect(routes(world)[0]).toBeDefined();
    world.setPods('v2', 0);
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'PodsLost' });
    expect(routes(world)).toEqual([undefined]);
  });

  it('R25: a set of pods that shrinks below half goes back', () => {
    const world = started(header);
    world.setPods('v2', 1);
    check(world.run(40 * SECOND), { phase: 'RolledBack', reason: 'PodsLost' });
  });

  it('R26: one that somebody takes away, or changes, is held; resume puts it back', () => {
    for (const change of ['gone', 'other']) {
      const world = started(canary([{ setHeaderRoute: { match: JASON }, pause: { duration: '2m' } }]));
      const [object] = world.objects;
      if (object === undefined) throw new Error('the world has no object');
      if (change === 'gone') world.edit(OBJECT, { v1: 100 }, { dropRoutes: true });
      else object.routesDigest = 'ffffffff';
      check(world.run(MINUTE), { step: 1, reason: 'Drift', waitingFor: 'drift', mesh: [0] });
      world.ask({ verb: 'resume' });
      check(world.run(5 * SECOND), { step: 1, phase: 'Progressing' });
      expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
      check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    }
  });

  it('R26: one that is not intended is put down at once, also where the weight is right', () => {
    const world = started(header).run(65 * SECOND);
    check(world, { step: 2, mesh: [50] });
    const [object] = world.objects;
    if (object === undefined) throw new Error('the world has no object');
    object.routes = { headerRoutes: PREVIEW };
    object.routesDigest = 'ffffffff';
    object.resourceVersion += 1;
    const before = mark(world);
    check(world.run(2 * SECOND), { step: 2, mesh: [50], writes: { mesh: 1 } }, before);
    expect(routes(world)).toEqual([undefined]);
    expect(world.announced.map(({ reason }) => reason)).toContain('DriftPutDown');
  });

  it('R6: header traffic is not shifted to a stable version without a ready pod; taking copies away shifts nothing', () => {
    const world = started(header, { truth: bad });
    world.setPods('v1', 0);
    check(world.run(MINUTE), { reason: 'WaitingForStable', step: 1 });
    expect(routes(world)[0]).toBeDefined();
    world.setPods('v1', 3);
    check(world.run(10 * SECOND), { phase: 'RolledBack', reason: 'GateFailed' });
    const copies = started(mirror, { truth: bad });
    copies.setPods('v1', 0);
    check(copies.run(MINUTE), { phase: 'RolledBack', reason: 'GateFailed' });
    expect(routes(copies)).toEqual([undefined]);
  });

  it('R6: no step is entered that gives the users of a header route back to a stable version without pods', () => {
    const world = started(header);
    world.setPods('v1', 0);
    check(world.run(2 * MINUTE), { step: 1, reason: 'WaitingForStable', mesh: [0] });
    world.setPods('v1', 3);
    check(world.run(2 * SECOND), { step: 2, mesh: [50] });
  });

  it('R30: deletion takes it away before the finalizer goes; abort does too', () => {
    const world = started(header);
    expect(world.hasFinalizer).toBe(true);
    world.isDeleting = true;
    world.run(5 * SECOND);
    expect([routes(world), world.isGone]).toEqual([[undefined], true]);
    const aborted = started(mirror);
    aborted.ask('{"verb":"abort"}');
    check(aborted.run(5 * SECOND), { phase: 'RolledBack', reason: 'Aborted' });
    expect(routes(aborted)).toEqual([undefined]);
  });

  it('R9, R10: a newer version, or the old one, makes it Safe first', () => {
    for (const version of ['v1', 'v3']) {
      const world = started(header);
      world.setPods('v3', 3);
      world.commit({ version });
      world.run(20 * SECOND);
      expect(world.meshWrites[1]).toMatchObject({ weight: 0 });
      expect(routes(world)).toEqual([version === 'v1' ? undefined : { headerRoutes: PREVIEW }]);
      expect(world.status?.canaryVersion).toBe(version === 'v1' ? undefined : 'v3');
    }
  });

  it('R9: with no ready pod of stable the newest version takes the place of the failed one, routes and all', () => {
    const world = started(header);
    world.setPods('v1', 0);
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(4 * SECOND), { step: 1, mesh: [0] });
    expect([world.status?.canaryVersion, world.status?.step?.name]).toEqual(['v3', 'takeover']);
    check(world.run(20 * SECOND), { step: 2, mesh: [0] });
    expect(world.meshWrites.map(({ weight }) => weight)).toEqual([0, 0]);
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
    world.setPods('v1', 3);
    check(world.run(5 * MINUTE), { phase: 'Healthy', stable: 'v3' });
  });

  it('R9: it is Safe first when stable is back before the newest version took its place', () => {
    const world = started(header);
    world.setPods('v1', 0);
    world.commit({ version: 'v3' });
    world.run(20 * SECOND);
    world.setPods('v1', 3);
    check(world.run(5 * SECOND), { mesh: [0], phase: 'Pending' });
    expect(routes(world)).toEqual([undefined]);
  });

  it('R11: an edit leaves it where it is', () => {
    const world = started(header);
    world.commit({ strategy: canary([{ setWeight: 30, pause: {} }]) });
    check(world.run(2 * SECOND), { step: 1, mesh: [0], writes: { mesh: 1 } });
    expect(world.status?.step?.name).toBe('edited');
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
    check(world.run(30 * SECOND), { step: 2, mesh: [30], phase: 'Paused' });
    expect(routes(world)).toEqual([undefined]);
  });

  it('R29: several objects are raised in order and lowered in reverse', () => {
    const world = started(header, { objects: two() });
    expect(world.meshWrites.map(({ object }) => object)).toEqual([GATEWAY, OBJECT]);
    world.ask('{"verb":"abort"}');
    world.run(5 * SECOND);
    expect(world.meshWrites.map(({ object }) => object)).toEqual([GATEWAY, OBJECT, OBJECT, GATEWAY]);
    expect(routes(world)).toEqual([undefined, undefined]);
  });

  it('R4, R28: a step that changes routes and no weight is written; one that changes neither is not', () => {
    const world = started(
      canary([
        { setHeaderRoute: { match: JASON }, pause: { duration: '10s' } },
        { pause: { duration: '10s' } },
        { setHeaderRoute: { match: [{ uri: { prefix: '/new' } }] }, pause: { duration: '10s' } },
        { setHeaderRoute: {}, pause: { duration: '10s' } },
      ]),
    );
    check(world.run(5 * MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(world.meshWrites.map(({ step, weight }) => [step, weight])).toEqual([
      [1, 0],
      [3, 0],
      [4, 0],
      [5, 100],
    ]);
  });
});

describe('abTest', () => {
  const ending = abTest('1m', 'end');
  const atEnd = (options: Partial<WorldOptions> = {}): World => {
    const world = started(ending, options).run(2 * MINUTE);
    check(world, { phase: 'Healthy', reason: 'ExperimentEnded', stable: 'v1', mesh: [0], step: undefined });
    return world;
  };

  it('R21: then: promote gives everybody the new version', () => {
    const world = started(abTest('1m'));
    check(world, { step: 1, mesh: [0], phase: 'Progressing' });
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
    check(world.run(2 * MINUTE), { phase: 'Healthy', stable: 'v2', mesh: [100] });
    expect(routes(world)).toEqual([undefined]);
  });

  it('R20: then: hold waits for a person after its time; without a duration it waits from the start', () => {
    for (const strategy of [abTest('1m', 'hold'), abTest(undefined)]) {
      const world = started(strategy).run(10 * MINUTE);
      check(world, { phase: 'Paused', waitingFor: 'person', mesh: [0] });
      expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
      promote(world);
      check(world.run(30 * SECOND), { phase: 'Healthy', stable: 'v2' });
    }
  });

  it('then: end puts everything back, which is no failure', () => {
    const world = atEnd();
    expect(routes(world)).toEqual([undefined]);
    check(world, {
      message: /v1 is stable at 100%: the experiment with v2 ran since .* as long as it was meant to; success-rate 100 %/,
    });
    check(world, { message: /v2 runs no second time by itself: commit a version, or ask for a retry/ });
    const { conditions = [], canaryVersion, history } = world.status ?? {};
    expect(canaryVersion).toBeUndefined();
    expect(conditions.find(({ type }) => type === 'Stalled')?.status).toBe('False');
    expect(conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
    expect(history?.at(-1)).toMatchObject({ action: 'ended', from: 'v2', to: 'v1', reason: 'ExperimentEnded' });
    expect(world.announced.filter(({ type }) => type === 'Warning')).toEqual([]);
    expect(world.hasFinalizer).toBe(false);
  });

  it('R8: what has ended does not start again by itself, not with new pods nor after a restart', () => {
    const world = atEnd();
    const before = mark(world);
    world.crash();
    world.run(10 * MINUTE);
    world.setPods('v2', 3, 'v2b');
    check(world.run(10 * MINUTE), { reason: 'ExperimentEnded', writes: { mesh: 0, status: 0 } }, before);
  });

  it('R22: a retry runs it again', () => {
    const world = atEnd();
    world.ask({ verb: 'retry', id: 'again', by: 'alice' });
    check(world.run(20 * SECOND), { phase: 'Progressing', step: 1, mesh: [0] });
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }]);
    check(world.run(2 * MINUTE), { phase: 'Healthy', reason: 'ExperimentEnded' });
    expect(world.status?.attempt).toBe(2);
  });

  it('R10: the stable version in the spec makes it ordinary again; the other one then starts anew', () => {
    const world = atEnd();
    world.commit({ version: 'v1' });
    check(world.run(5 * SECOND), { phase: 'Healthy', reason: 'UpToDate', stable: 'v1' });
    const before = mark(world);
    check(world.run(10 * MINUTE), { reason: 'UpToDate', writes: { status: 0 } }, before);
    world.commit({ version: 'v2' });
    check(world.run(20 * SECOND), { phase: 'Progressing', step: 1 });
  });

  it('R8: another version starts', () => {
    const world = atEnd();
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    check(world.run(20 * SECOND), { phase: 'Progressing', step: 1 });
    expect(world.status?.canaryVersion).toBe('v3');
  });

  it('R22: without a duration a promotion ends it', () => {
    const world = started(abTest(undefined, 'end')).run(5 * MINUTE);
    check(world, { phase: 'Paused', step: 1 });
    world.ask({ verb: 'promote', revision: world.status?.revision, step: 1, by: 'alice' });
    check(world.run(20 * SECOND), { phase: 'Healthy', reason: 'ExperimentEnded', stable: 'v1', message: /until alice ended it/ });
  });

  it('R17: a gate that fails rolls back, as in every step', () => {
    check(started(ending, { truth: bad }).run(2 * MINUTE), { phase: 'RolledBack', reason: 'GateFailed', stable: 'v1' });
  });

  it('R6: it ends when stable can take its users back', () => {
    const world = started(ending);
    world.setPods('v1', 0);
    check(world.run(3 * MINUTE), { reason: 'WaitingForStable', step: 1 });
    world.setPods('v1', 3);
    check(world.run(10 * SECOND), { phase: 'Healthy', reason: 'ExperimentEnded' });
  });

  it('R10: an experiment is no way back', () => {
    const world = started(canary([{ setWeight: 50, pause: { duration: '5s' } }])).run(MINUTE);
    check(world, { phase: 'Healthy', stable: 'v2' });
    world.commit({ version: 'v1', strategy: ending });
    check(world.run(20 * SECOND), { phase: 'Progressing', step: 1, mesh: [100] });
    check(world.run(2 * MINUTE), { phase: 'Healthy', reason: 'ExperimentEnded', stable: 'v2', mesh: [100] });
  });
});

describe('a process that dies', () => {
  const writesOf = ({ counts }: World): number => counts.mesh + counts.subset + counts.status + counts.request + counts.finalizer;
  const crashesOf = (story: (crash?: WorldOptions['crash']) => World) =>
    Array.from({ length: writesOf(story()) }, (_, i) =>
      (['before', 'after'] as const).map(when => ({ write: i + 1, when })),
    ).flat();

  const preview = blueGreen({ preview: { match: JASON }, mirror: { percentage: 100 }, hold: { duration: '15s' } });
  const switching = (crash?: WorldOptions['crash']): World =>
    started(preview, { objects: two(), ...(crash ? { crash } : {}) }).run(MINUTE);
  it.each(crashesOf(switching))('R4, R29: blueGreen, $when write $write: the same routes and weights, once each', crash => {
    const world = switching(crash);
    check(world, { phase: 'Healthy', stable: 'v2', mesh: [100, 100] });
    expect(routes(world)).toEqual([undefined, undefined]);
    expect(world.meshWrites.map(({ object, weight }) => `${object} ${weight}`)).toEqual([
      `${GATEWAY} 0`,
      `${OBJECT} 0`,
      `${GATEWAY} 100`,
      `${OBJECT} 100`,
    ]);
    expect(new Set(world.meshWrites.map(({ reason }) => reason)), 'what a crash left is no drift').toEqual(
      new Set(['StepEntered']),
    );
  });

  const takingOver = (crash?: WorldOptions['crash']): World => {
    const strategy = canary([{ setHeaderRoute: { match: JASON }, pause: {} }]);
    const world = started(strategy, { objects: two(), ...(crash ? { crash } : {}) });
    world.setPods('v1', 0);
    world.setPods('v3', 3);
    world.commit({ version: 'v3' });
    return world.run(20 * SECOND);
  };
  it.each(crashesOf(takingOver))('R9, R29: taking over, $when write $write: both objects lead to the newest version', crash => {
    const world = takingOver(crash);
    check(world, { step: 2, phase: 'Paused', mesh: [0, 0] });
    expect(routes(world)).toEqual([{ headerRoutes: PREVIEW }, { headerRoutes: PREVIEW }]);
    expect(world.objects.map(({ position }) => position?.revision)).toEqual(Array(2).fill(world.status?.revision));
  });

  const ending = abTest('15s', 'end');
  const experiment = (crash?: WorldOptions['crash']): World =>
    started(ending, { objects: two(), ...(crash ? { crash } : {}) }).run(MINUTE);
  it.each(crashesOf(experiment))('R4, R29: abTest, $when write $write: ends once, and runs once', crash => {
    const world = experiment(crash);
    check(world, { phase: 'Healthy', reason: 'ExperimentEnded', stable: 'v1', mesh: [0, 0] });
    expect(routes(world)).toEqual([undefined, undefined]);
    expect(world.meshWrites).toHaveLength(4);
    expect(world.status?.history?.filter(({ action }) => action === 'ended')).toHaveLength(1);
  });
});
