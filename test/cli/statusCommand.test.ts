import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStatusCommand } from '../../src/cli/status.ts';
import type { Terminal } from '../../src/cli/terminal/terminal.ts';
import { createListener, openCluster, READY, terminalOf } from './statusCluster.ts';

const SPEC = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '5m' } }] } } };
const PROGRESSING = {
  observedGeneration: 1,
  phase: 'Progressing',
  reason: 'StepEntered',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  step: { index: 1, count: 2 },
  traffic: { weight: 50 },
  message: 'step 1/2 at 50%: next step at 14:05:00Z',
};
const HEALTHY = {
  ...PROGRESSING,
  phase: 'Healthy',
  reason: 'Promoted',
  stableVersion: 'v2',
  canaryVersion: null,
  step: null,
  message: 'v2 is stable',
};
const BACK = { ...PROGRESSING, phase: 'RolledBack', reason: 'GateFailed', step: null, message: 'all traffic on v1' };

describe('sluice status', () => {
  let cluster: Awaited<ReturnType<typeof openCluster>>;
  beforeAll(async () => {
    cluster = await openCluster();
    await cluster.addService();
    await cluster.addPods('v1', [READY, READY]);
    const waiting = { containerStatuses: [{ name: 'app', restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } }] };
    await cluster.addPods('v2', [READY, { phase: 'Running', ...waiting }]);
  });
  afterAll(() => cluster.close());

  const start = (args: readonly string[], terminal: Partial<Terminal> = {}) => {
    const listener = createListener();
    const command = createStatusCommand(listener.io, terminalOf(terminal));
    const done = command.parseAsync(['-n', 'weather', '--kubeconfig', cluster.kubeconfig, ...args], { from: 'user' });
    return { ...listener, done };
  };
  const run = async (...args: readonly string[]) => {
    const { done, said } = start(args);
    await done;
    return said;
  };
  let count = 0;
  const rollout = async (status?: object): Promise<string> => {
    count += 1;
    const name = `r${count}`;
    await cluster.addRollout(name, { ...SPEC, host: 'forecast' }, status === undefined ? {} : { status });
    return name;
  };

  it('says so where somebody else has written a status that nobody can read', async () => {
    const odd = await rollout({ ...PROGRESSING, plan: { gates: [] }, step: { index: 1, askedAt: '2026-11-21T14:00:00Z' } });
    expect((await run(odd)).out).toContain('its status is not as Sluice writes it');
    expect((await run(await rollout({ phase: 'Progressing' }))).out).toContain('Progressing');
  });

  it('R36: one look: the tree with the pods of the Service, by version', async () => {
    const name = await rollout(PROGRESSING);
    const { out, err, code } = await run(name);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`> weather/${name}  Progressing`);
    expect(out).toMatch(/v1 {2}stable {2}2\/2 ready\n {2}v2 {2}new {5}1\/2 ready {2}CrashLoopBackOff, 3 restarts\n/);
    expect(out).toContain(`to go back at once: sluice abort ${name} -n weather`);
  });

  it('a name as kubectl prints it, and the same for programs', async () => {
    const name = await rollout(PROGRESSING);
    const { out } = await run(`rollout.sluice.dev/${name}`, '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({
      name,
      phase: 'Progressing',
      step: 1,
      pods: { versions: [{ version: 'v1', ready: 2 }, {}] },
    });
    expect((await run(name, '-o', 'yaml')).out).toMatch(/^namespace: weather\nname: r\d+\nphase: Progressing\n/);
  });

  it.each([
    ['Healthy', HEALTHY, 0],
    ['RolledBack', BACK, 1],
    ['Invalid', { ...PROGRESSING, phase: 'Invalid', reason: 'InvalidSpec' }, 1],
    ['Healthy, but the next spec is invalid', { ...HEALTHY, reason: 'InvalidSpec' }, 1],
    ['RolledBack, but the spec has changed since', { ...BACK, observedGeneration: 0 }, 0],
    ['not looked at yet', undefined, 0],
  ])('%s: the exit code says so', async (_, status, code) => {
    expect((await run(await rollout(status))).code).toBe(code);
  });

  it('a name that is not there is a no; a time that is none, or belongs to nothing, is wrong usage', async () => {
    expect(await run('nosuch')).toMatchObject({ code: 1, err: expect.stringContaining('nosuch') });
    expect(await run('r1', '--timeout', '5m')).toMatchObject({ code: 2, err: '--timeout belongs to -w\n' });
    expect(await run('r1', '-w', '--timeout', '5')).toMatchObject({ code: 2, err: expect.stringContaining('such as 30s') });
  });

  it('without the right to see pods the rest is shown, and a line says so', async () => {
    const name = await rollout(PROGRESSING);
    cluster.state.forbidden = /\/pods/;
    const { out, code } = await run(name);
    delete cluster.state.forbidden;
    expect(code).toBe(0);
    expect(out).toContain('Pods\n  not shown: you may not read pods in weather\n');
  });

  describe('-w', () => {
    it('a line for each change, until it is Healthy', async () => {
      const name = await rollout(PROGRESSING);
      const { done, heard, said } = start([name, '-w']);
      await heard(/Progressing {2}.*next step at/);
      await cluster.setStatus(name, { message: 'step 2/2 at 100%', traffic: { weight: 100 } });
      await heard(/step 2\/2 at 100%/);
      await cluster.setStatus(name, HEALTHY);
      await done;
      expect(said).toMatchObject({ code: 0, err: '' });
      expect(said.out.split('\n').map(line => line.replace(/^\S+ {2}/, '').split('  ')[0])).toEqual([
        'Progressing',
        'Progressing',
        'Healthy',
        '',
      ]);
    });

    it('on a terminal: one tree that is drawn anew in place, and the cursor comes back', async () => {
      const name = await rollout(PROGRESSING);
      const { done, heard, said } = start([name, '-w'], { isLive: true, columns: () => 60 });
      await heard(/2\/2 ready/);
      await cluster.setStatus(name, BACK);
      await done;
      expect(said.code).toBe(1);
      const [first = '', ...frames] = said.out.split('\u001b[?2026h').slice(1);
      expect(said.out.startsWith('\u001b[?25l')).toBe(true);
      expect(said.out.endsWith('\u001b[?25h')).toBe(true);
      expect(frames.length).toBeGreaterThanOrEqual(2);
      const up = Number(/^.\[(\d+)A/.exec(frames[0] ?? '')?.[1]);
      expect(up).toBe(first.split('\n').length - 1);
      expect(frames.at(-1)).toContain('RolledBack');
    });

    it('on a terminal, one that has ended before is shown with its pods, and not drawn on', async () => {
      const { done, said } = start([await rollout(BACK), '-w'], { isLive: true, columns: () => 60 });
      await done;
      expect(said).toMatchObject({ code: 1, out: expect.stringContaining('2/2 ready') });
      expect(said.out).not.toContain('?2026h');
    });

    it('gives up after --timeout with a code of its own', async () => {
      const name = await rollout(PROGRESSING);
      const said = await run(name, '-w', '--timeout', '50ms');
      expect(said).toMatchObject({ code: 3, err: `rollouts weather/${name} has not ended within 50ms\n` });
    });

    it('a Rollout that is deleted meanwhile is a no', async () => {
      const name = await rollout(PROGRESSING);
      const { done, heard, said } = start([name, '-w']);
      await heard(/Progressing/);
      await cluster.remove(name);
      await done;
      expect(said).toMatchObject({ code: 1, err: `rollouts weather/${name} was deleted\n` });
    });

    it('a spec that nobody has looked at yet has not ended', async () => {
      const name = await rollout({ ...HEALTHY, observedGeneration: 0 });
      const { done, heard, said } = start([name, '-w']);
      await heard(/Healthy/);
      await cluster.setStatus(name, BACK);
      await done;
      expect(said.code).toBe(1);
    });

    it('Ctrl-C ends it with the code of shells', async () => {
      const name = await rollout(PROGRESSING);
      let interrupt = (): void => {};
      const onInterrupt = (callback: () => void) => {
        interrupt = callback;
        return () => {};
      };
      const { done, heard, said } = start([name, '-w'], { onInterrupt });
      await heard(/Progressing/);
      interrupt();
      await done;
      expect(said.code).toBe(130);
    });

    it('an API server that goes away is told once, and waited for', async () => {
      const name = await rollout(PROGRESSING);
      const { done, heard, said } = start([name, '-w', '-o', 'json']);
      await heard(/"ready":2/);
      await cluster.leave();
      await heard(/does not answer/);
      await cluster.comeBack();
      await heard(/answers again/);
      await cluster.setStatus(name, HEALTHY);
      await done;
      expect(said.code).toBe(0);
      expect(said.err.match(/does not answer/g)).toHaveLength(1);
      expect(
        said.out
          .trim()
          .split('\n')
          .map(line => JSON.parse(line).phase),
      ).toContain('Healthy');
    });
  });
});
