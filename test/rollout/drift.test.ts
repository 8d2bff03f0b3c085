import { describe, expect, it } from 'vitest';
import type { RolloutSpec } from '../../src/rollout/index.ts';
import { OBJECT, START_MS, type World, type WorldOptions } from '../../src/simulation/world.ts';
import { check, HALF, MINUTE, mark, restingWorld, SECOND, specOf, worldInProgress } from './check.ts';
import { watchLaws } from './laws.ts';

const ARGO = 'argocd-controller';
const INSTALLATION = { prometheus: ['default'], zipkin: [], restore: [ARGO, 'kustomize-controller', 'helm-controller'] };
const forever = specOf([{ setWeight: 50, pause: {} }]);

const world = (spec: RolloutSpec = forever, options: Partial<WorldOptions> = {}): World =>
  worldInProgress({ spec, installation: INSTALLATION, onDecision: watchLaws(), ...options });

/** Everything on v1, as the file in Git has it. */
const reapply = (of: World, manager = ARGO): void => of.edit(OBJECT, { v1: 100, v2: 0 }, { manager });

describe('more weight than intended', () => {
  it('R26: somebody sets 100 % by hand: put down at once, and the one who did it is named', () => {
    const tested = world();
    tested.edit(OBJECT, { v1: 0, v2: 100 }, { manager: 'kubectl-edit' });
    check(tested.run(20), { mesh: [50], phase: 'Paused' });
    expect(tested.announced.map(({ message }) => message).join()).toMatch(/kubectl-edit raised v2 in weather\/forecast/);
    expect(tested.status?.drift).toEqual({ times: [expect.any(String)], by: 'kubectl-edit' });
  });

  it('R26: nothing is written before it is put down', () => {
    const tested = world();
    const before = mark(tested);
    const writes: string[] = [];
    tested.beforeMeshWrite = () => writes.push(`status ${tested.counts.status - before.status}`);
    tested.edit(OBJECT, { v1: 0, v2: 100 });
    tested.run(SECOND);
    expect(writes).toEqual(['status 0']);
  });

  it('R26: five times in five minutes are put down, the sixth time all traffic goes back', () => {
    const tested = world();
    for (let time = 1; time <= 5; time++) {
      tested.edit(OBJECT, { v1: 0, v2: 100 }, { manager: 'kubectl-edit' });
      check(tested.run(40 * SECOND), { mesh: [50], phase: 'Paused' });
      expect(tested.status?.drift?.times).toHaveLength(time);
    }
    tested.edit(OBJECT, { v1: 0, v2: 100 }, { manager: 'kubectl-edit' });
    check(tested.run(20), { mesh: [0], phase: 'RollingBack', reason: 'DriftRepeated' });
    check(tested.run(MINUTE), {
      mesh: [0],
      phase: 'RolledBack',
      reason: 'DriftRepeated',
      message: /kubectl-edit raised v2 more than 5 times/,
    });
  });

  it('R26: spread over more than five minutes it is put down without limit', () => {
    const tested = world();
    for (let time = 1; time <= 12; time++) {
      tested.edit(OBJECT, { v1: 0, v2: 100 });
      check(tested.run(61 * SECOND), { mesh: [50], phase: 'Paused' });
    }
  });

  it('R26, R3: each time counts once, whatever write a crash came before or after', () => {
    const story = (crash?: WorldOptions['crash']) => {
      const tested = world(forever, crash ? { crash } : {});
      tested.edit(OBJECT, { v1: 0, v2: 100 });
      tested.run(10 * SECOND).edit(OBJECT, { v1: 10, v2: 90 });
      return tested.run(10 * SECOND);
    };
    const { counts } = story();
    const total = counts.mesh + counts.subset + counts.status + counts.finalizer;
    for (let write = total - 8; write <= total; write++) {
      for (const when of ['before', 'after'] as const) {
        const tested = story({ write, when });
        check(tested, { mesh: [50], phase: 'Paused' });
        expect(tested.status?.drift?.times, `crash ${when} write ${write}`).toHaveLength(2);
      }
    }
  });

  it('R26, R3: what could not be stored counts all the same', () => {
    const tested = world();
    tested.statusRefused = true;
    for (let time = 1; time <= 5; time++) {
      tested.edit(OBJECT, { v1: 0, v2: 100 });
      check(tested.run(SECOND), { mesh: [50] });
    }
    tested.statusRefused = false;
    tested.run(SECOND).edit(OBJECT, { v1: 0, v2: 100 });
    check(tested.run(SECOND), { mesh: [0], reason: 'DriftRepeated' });
  });

  it('R6, R26: nobody to go back to: the sixth time waits until stable can take the traffic', () => {
    const tested = world();
    for (let time = 1; time <= 5; time++) {
      tested.edit(OBJECT, { v1: 0, v2: 100 });
      tested.run(SECOND);
    }
    tested.setPods('v1', 0);
    tested.edit(OBJECT, { v1: 0, v2: 100 });
    check(tested.run(10 * SECOND), { mesh: [100] });
    tested.setPods('v1', 3);
    check(tested.run(SECOND), { mesh: [0], reason: 'DriftRepeated' });
  });
});

describe('less weight than intended', () => {
  it('R26: somebody sets 0 by hand: held, the one who did it is named, and resume puts it back', () => {
    const tested = world();
    reapply(tested, 'kubectl-client-side-apply');
    check(tested.run(MINUTE), {
      mesh: [0],
      reason: 'Drift',
      waitingFor: 'drift',
      message: /kubectl-client-side-apply changed the weights/,
    });
    tested.ask({ verb: 'resume' });
    check(tested.run(SECOND), { mesh: [50], phase: 'Paused' });
  });

  it('R7, R26: routes that a Rollout of this name left behind are reported at rest, and resume takes them out', () => {
    const tested = restingWorld();
    check(tested, { phase: 'Healthy', reason: 'Adopted' });
    const [left] = tested.objects;
    expect(left?.position).toBeUndefined();
    Object.assign(left ?? {}, {
      routes: { headerRoutes: [{ match: [{ port: 80 }] }] },
      routesDigest: 'of another uid',
      resourceVersion: 2,
    });
    const { mesh, status } = tested.counts;
    check(tested.run(MINUTE), {
      phase: 'Healthy',
      reason: 'Drift',
      message: /header, mirror or cookie routes of this Rollout stand in weather\/forecast.*; resume takes them out/,
      writes: { mesh, status: status + 1 },
    });
    tested.ask({ verb: 'resume' });
    check(tested.run(SECOND), { phase: 'Healthy', reason: 'UpToDate', mesh: [0] });
    expect(tested.objects[0]?.routes).toBeUndefined();
  });

  it('R26: a header route whose conditions somebody took out leads everybody to the new version, and is put down at once', () => {
    const match = [{ headers: { 'end-user': { exact: 'jason' } } }];
    const tested = world(specOf([{ setWeight: 0, setHeaderRoute: { match }, pause: {} }]));
    check(tested, { mesh: [0], phase: 'Paused' });
    const { routesDigest } = tested.objects[0] ?? {};
    tested.edit(OBJECT, { v1: 100 }, { openRoutes: true, manager: 'kubectl-edit' });
    check(tested.run(20), { mesh: [0], phase: 'Paused' });
    expect(tested.objects[0]).toMatchObject({ routesDigest, routes: { headerRoutes: [{ match }] } });
    expect(tested.objects[0]).not.toHaveProperty('takesAll');
    expect(tested.announced.map(({ message }) => message).join()).toMatch(
      /kubectl-edit raised v2 in weather\/forecast; put down to 0%/,
    );
  });

  it('R26: header and mirror routes of ours that somebody took away are held, and put back by resume', () => {
    const routed = specOf([
      { setWeight: 50, setHeaderRoute: { match: [{ headers: { 'end-user': { exact: 'jason' } } }] }, pause: {} },
    ]);
    const tested = world(routed, { installation: INSTALLATION });
    check(tested, { mesh: [50], phase: 'Paused' });
    expect(tested.objects[0]?.routes?.headerRoutes).toHaveLength(1);
    tested.edit(OBJECT, { v1: 50, v2: 50 }, { dropRoutes: true });
    check(tested.run(MINUTE), { reason: 'Drift', waitingFor: 'drift', message: /other header or mirror routes/ });
    tested.ask({ verb: 'resume' });
    check(tested.run(SECOND), { mesh: [50], phase: 'Paused' });
    expect(tested.objects[0]?.routes?.headerRoutes).toHaveLength(1);
  });

  it('R27, R28: a foreign route at 50/50 keeps its share, and what is ours keeps its proportion', () => {
    const tested = world();
    tested.edit(OBJECT, { v1: 25, v2: 25 }, { foreign: 50, manager: 'kubectl-edit' });
    const before = mark(tested);
    check(tested.run(MINUTE), { phase: 'Paused', writes: { mesh: 0 } }, before);
    tested.ask({ verb: 'promote', revision: tested.status?.revision, step: 1 });
    check(tested.run(MINUTE), { phase: 'Healthy', stable: 'v2' });
    expect(tested.objects[0]?.weights).toEqual({ versions: { v1: 0, v2: 50 }, foreign: 50 });
  });
});

describe('a tool that applies its file for ever', () => {
  it('R26: Argo CD every 2 s in progress: restored five times, then held with the advice', () => {
    const tested = world();
    const before = mark(tested);
    for (let time = 1; time <= 5; time++) {
      reapply(tested);
      check(tested.run(2 * SECOND), { mesh: [50], phase: 'Paused' });
    }
    expect(tested.status?.drift?.restored).toHaveLength(5);
    for (let time = 6; time <= 12; time++) {
      reapply(tested);
      check(tested.run(2 * SECOND), {
        mesh: [0],
        reason: 'Drift',
        waitingFor: 'drift',
        message: /ignoreDifferences.*RespectIgnoreDifferences=true/,
      });
    }
    check(tested.run(10 * MINUTE), { mesh: [0], reason: 'Drift', writes: { mesh: 5 } }, before);
    tested.ask({ verb: 'resume' });
    check(tested.run(SECOND), { mesh: [50], phase: 'Paused' });
  });

  it.each([
    ['kustomize-controller', /kustomize\.toolkit\.fluxcd\.io\/ssa: IfNotPresent/],
    ['helm-controller', /out of the chart/],
  ])('R26: the advice is the one for %s', (manager, advice) => {
    const tested = world();
    for (let time = 1; time <= 6; time++) {
      reapply(tested, manager);
      tested.run(2 * SECOND);
    }
    check(tested, { mesh: [0], reason: 'Drift', message: advice });
  });

  it('R26, R13: the subset that its file does not have comes back before the weight', () => {
    const tested = world();
    reapply(tested);
    tested.mesh.removeSubset('v2');
    check(tested.run(SECOND), { mesh: [0], reason: 'DriftRestored' });
    expect(tested.mesh.subsets.has('v2')).toBe(true);
    check(tested.run(3 * SECOND), { mesh: [50] });
  });

  it('R26: with another one beside it nothing is restored', () => {
    const gateway = 'weather/gateway';
    const one = { versions: { v1: 100 }, foreign: 0 };
    const tested = world(forever, { objects: { [gateway]: one, [OBJECT]: one } });
    reapply(tested);
    tested.edit(gateway, { v1: 100, v2: 0 }, { manager: 'kubectl-edit' });
    check(tested.run(10 * SECOND), { mesh: [0, 0], reason: 'Drift', message: /argocd-controller and kubectl-edit/ });
  });

  it('R26, R17: a gate that fails meanwhile puts everything back all the same', () => {
    const errors = (version: string, ms: number) => (version === 'v2' && ms > START_MS + 20 * SECOND ? 0.5 : 0);
    const tested = world(forever, { truth: { errors } });
    for (let time = 1; time <= 15; time++) {
      reapply(tested);
      tested.run(2 * SECOND);
    }
    check(tested.run(MINUTE), { mesh: [0] });
    tested.edit(OBJECT, { v1: 50, v2: 50 });
    check(tested.run(2 * MINUTE), { phase: 'RolledBack', mesh: [0] });
  });

  it('R26: Healthy, and Git still names the old version: restored five times, then held with the advice', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    check(tested, { phase: 'Healthy', stable: 'v2', mesh: [100] });
    const before = mark(tested);
    for (let time = 1; time <= 5; time++) {
      reapply(tested);
      check(tested.run(2 * SECOND), { phase: 'Healthy', mesh: [100], writes: { mesh: time, status: time } }, before);
    }
    expect(tested.status?.drift?.restored).toHaveLength(5);
    for (let time = 6; time <= 12; time++) {
      reapply(tested);
      check(tested.run(2 * SECOND), {
        phase: 'Healthy',
        mesh: [0],
        message: /argocd-controller changed.*RespectIgnoreDifferences/,
      });
    }
    check(tested.run(10 * MINUTE), { phase: 'Healthy', reason: 'Drift', mesh: [0], writes: { mesh: 5, status: 6 } }, before);
    tested.edit(OBJECT, { v1: 0, v2: 100 });
    check(tested.run(SECOND), { phase: 'Healthy', reason: 'UpToDate', message: /nothing to do until the version changes/ });
  });

  it('R26: Healthy: also when its file drops our annotation', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.edit(OBJECT, { v1: 100 }, { manager: ARGO, dropPosition: true });
    check(tested.run(SECOND), { phase: 'Healthy', mesh: [100] });
  });

  it('R26: one commit with a new version and the old weights: they are restored, then it starts', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.setPods('v3', 3);
    tested.edit(OBJECT, { v1: 100 }, { manager: ARGO, dropPosition: true });
    tested.commit({ version: 'v3' });
    const before = mark(tested);
    check(tested.run(SECOND), { phase: 'Progressing', writes: { mesh: 1 } }, before);
    expect(tested.weightOf('v2')).toBe(100);
    expect(tested.status?.drift?.restored).toHaveLength(1);
    check(tested.run(2 * MINUTE), { phase: 'Healthy', stable: 'v3' });
  });

  it('R26: while a new version waits for its pods they are restored five times, then it is held', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.commit({ version: 'v3' });
    const before = mark(tested);
    for (let time = 1; time <= 8; time++) {
      tested.edit(OBJECT, { v1: 100 }, { manager: ARGO, dropPosition: true });
      tested.run(2 * SECOND);
    }
    check(tested, { phase: 'Pending', reason: 'Drift', waitingFor: 'drift', mesh: [0], writes: { mesh: 5 } }, before);
  });

  it('R6, R26: Healthy: nothing is given back to a version without a ready pod', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.setPods('v2', 0);
    reapply(tested);
    check(tested.run(MINUTE), { phase: 'Healthy', mesh: [0], reason: 'Drift' });
  });

  it('R26, R3: Healthy: each restoration counts once, whatever write a crash came before or after', () => {
    const story = (crash?: WorldOptions['crash']) => {
      const tested = world(specOf(HALF), crash ? { crash } : {}).run(MINUTE);
      reapply(tested);
      tested.run(10 * SECOND);
      reapply(tested);
      return tested.run(10 * SECOND);
    };
    const { counts } = story();
    const total = counts.mesh + counts.subset + counts.status + counts.finalizer;
    for (let write = total - 5; write <= total; write++) {
      for (const when of ['before', 'after'] as const) {
        const tested = story({ write, when });
        check(tested, { phase: 'Healthy', mesh: [100] });
        expect(tested.status?.drift?.restored, `crash ${when} write ${write}`).toHaveLength(2);
      }
    }
  });
});

describe('changes by others while nothing is in progress', () => {
  it('R26: Healthy: a split that a person made is reported once, and not fought', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    const before = mark(tested);
    tested.edit(OBJECT, { v1: 30, v2: 70 }, { manager: 'kubectl-edit' });
    check(tested.run(20 * MINUTE), { phase: 'Healthy', reason: 'Drift', mesh: [70], writes: { mesh: 0, status: 1 } }, before);
    check(tested, { message: /v2 is stable; kubectl-edit changed the weights of weather\/forecast/ });
    expect(tested.announced.filter(({ reason, type }) => reason === 'Drift' && type === 'Warning')).toHaveLength(1);
  });

  it('R22, R26: Healthy: a person has it put back by resume, once', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.edit(OBJECT, { v1: 30, v2: 70 }, { manager: 'kubectl-edit' });
    check(tested.run(SECOND), { reason: 'Drift', message: /resume puts them back/ });
    const before = mark(tested);
    tested.ask({ verb: 'resume' });
    check(tested.run(SECOND), { phase: 'Healthy', reason: 'UpToDate', mesh: [100], writes: { mesh: 1, request: 1 } }, before);
    expect(tested.status?.lastRequest?.outcome).toBe('accepted: the weights were put back');
    tested.ask({ verb: 'resume', id: 'b' });
    check(tested.run(SECOND), { writes: { mesh: 1, request: 2 } }, before);
    expect(tested.status?.lastRequest?.outcome).toMatch(/^refused: no rollout is in progress/);
  });

  it('R6, R22, R26: Healthy: what cannot be put back is refused, and does not strike later', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.edit(OBJECT, { v1: 30, v2: 70 });
    tested.setPods('v2', 0);
    tested.run(SECOND).ask({ verb: 'resume' });
    check(tested.run(SECOND), { reason: 'Drift', mesh: [70] });
    expect(tested.status?.lastRequest?.outcome).toMatch(/^refused/);
    tested.setPods('v2', 3);
    check(tested.run(MINUTE), { reason: 'Drift', mesh: [70] });
  });

  it('R5, R26: Healthy: more than one look costs nothing', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    tested.edit(OBJECT, { v1: 30, v2: 70 });
    tested.run(SECOND);
    const before = mark(tested);
    for (let look = 0; look < 20; look++) tested.run(SECOND).crash();
    check(tested, { writes: { mesh: 0, status: 0, request: 0 } }, before);
  });

  it('R26: Healthy: what foreign destinations get is theirs', () => {
    const tested = world(specOf(HALF)).run(MINUTE);
    const before = mark(tested);
    tested.edit(OBJECT, { v1: 0, v2: 50 }, { foreign: 50, manager: 'kubectl-edit' });
    check(tested.run(MINUTE), { phase: 'Healthy', mesh: [50], writes: { mesh: 0, status: 0 } }, before);
  });

  it('R26: RolledBack: reported, not repaired, also for a known tool; the reason comes back when it is over', () => {
    const tested = world();
    tested.ask({ verb: 'abort' });
    check(tested.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0] });
    const before = mark(tested);
    tested.edit(OBJECT, { v1: 50, v2: 50 }, { manager: ARGO });
    check(tested.run(MINUTE), { phase: 'RolledBack', reason: 'Drift', mesh: [50], writes: { mesh: 0, status: 1 } }, before);
    check(tested, { message: /all traffic on v1.*argocd-controller changed the weights/ });
    tested.edit(OBJECT, { v1: 100, v2: 0 });
    check(tested.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0], writes: { mesh: 0, status: 2 } }, before);
  });
});

describe('a storm of other writers', () => {
  it('R23: a rollback whose write is overtaken twenty times in a row lands, as one write', () => {
    const tested = world();
    tested.conflicts = 20;
    const before = mark(tested);
    tested.ask({ verb: 'abort' });
    check(tested.run(SECOND), { phase: 'RollingBack', mesh: [0], writes: { mesh: 1 } }, before);
    expect(tested.conflicts).toBe(0);
    check(tested.run(MINUTE), { phase: 'RolledBack', reason: 'Aborted', mesh: [0], writes: { mesh: 1 } }, before);
  });
});
