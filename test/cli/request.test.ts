import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCommands } from '../../src/cli/program.ts';
import { type RolloutStatus, rolloutView } from '../../src/rollout/index.ts';
import { recordedIo } from './recordedIo.ts';
import { answering, startRequestServer } from './requestServer.ts';

const STATUS = {
  observedGeneration: 3,
  phase: 'Progressing',
  reason: 'StepEntered',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  attempt: 1,
  target: { stable: 'v1', canary: 'v2' },
  traffic: { weight: 20 },
  step: { index: 1, count: 2, startedAt: '2026-11-21T14:00:00.000Z' },
  plan: {
    steps: [
      { weight: 20, pauseMs: 600_000 },
      { weight: 50, pauseMs: 600_000 },
    ],
    gates: [],
  },
  message: 'step 1/2 at 20%: next step at 14:10:00Z',
};
const HEALTHY = { ...STATUS, phase: 'Healthy', reason: 'Promoted', step: undefined, message: 'v2 has all traffic' };
const PROMOTED = 'accepted: step 1 promoted';

describe('sluice promote, abort, retry, pause, resume', () => {
  let server: Awaited<ReturnType<typeof startRequestServer>>;
  let folder: string;
  beforeAll(async () => {
    server = await startRequestServer();
    folder = await mkdtemp(join(tmpdir(), 'sluice-request-'));
    const context = { name: 'a', context: { cluster: 'a', user: 'ann-of-the-file', namespace: 'weather' } };
    const parts = {
      clusters: [{ name: 'a', cluster: { server: server.url } }],
      users: [{ name: 'ann-of-the-file', user: { token: 't' } }],
      contexts: [context],
      'current-context': 'a',
    };
    await writeFile(join(folder, 'kubeconfig'), JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts }));
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    set(STATUS);
    server.state.user = 'ann@example.com';
    server.state.onWritten = answering(PROMOTED);
  });
  afterEach(() => {
    server.patches.length = 0;
    server.state.others = [];
    delete server.state.beforePatch;
    delete server.state.refusal;
  });

  const set = (status: object | undefined, annotations?: Record<string, string>): void => {
    const metadata = { name: 'forecast', namespace: 'weather', uid: 'u-1', resourceVersion: '7', generation: 3 };
    server.state.rollout = {
      metadata: { ...metadata, ...(annotations === undefined ? {} : { annotations }) },
      spec: { version: 'v2', strategy: { canary: { steps: [] } } },
      ...(status === undefined ? {} : { status: structuredClone(status) as Record<string, unknown> }),
    };
  };
  const run = async (...args: readonly string[]) => {
    const { io, said } = recordedIo({ KUBECONFIG: join(folder, 'kubeconfig') });
    await runCommands(['node', '/usr/bin/sluice', ...args], io);
    return said;
  };

  it('R22: promote names the attempt and the step that were seen, and who asks, and says what became of it', async () => {
    const said = await run('promote', 'forecast', '--reason', 'looked at it');
    expect(server.patches).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        verb: 'promote',
        revision: '7c1f09d2',
        step: 1,
        reason: 'looked at it',
        by: 'ann@example.com',
        at: expect.stringMatching(/^20\d\d-.*Z$/),
      },
    ]);
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(said.out).toMatch(/^weather\/forecast: v2 leaves step 1\/2 at 20% now, for step 2\/2 at 50%; a failed gate/);
    expect(said.out).toContain(`\n${PROMOTED}\nstep 1/2 at 20%: next step`);
  });

  it('R22: at 3 a.m. the name is enough: abort names no attempt and no step, unless asked to', async () => {
    server.state.onWritten = answering('aborted by ann@example.com', { phase: 'RollingBack', reason: 'Aborted' });
    expect(await run('abort', 'sro/forecast')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/from v2 \(20%\) to v1\naborted by ann/),
    });
    set(STATUS);
    await run('abort', 'forecast', '--revision', '7c1f09d2', '--step', '1', '--force');
    const [first, second] = server.patches;
    expect([first?.['revision'], first?.['step'], first?.['force']]).toEqual([undefined, undefined, undefined]);
    expect(second).toMatchObject({ revision: '7c1f09d2', step: 1, force: true });
  });

  it('R22: who asks is called as in the kubeconfig where the API server does not say', async () => {
    delete server.state.user;
    await run('pause', 'forecast');
    expect(server.patches[0]).toMatchObject({ verb: 'pause', by: 'ann-of-the-file' });
  });

  it.each([
    { args: ['retry'], status: STATUS, reason: 'nothing was rolled back that could be tried again' },
    { args: ['resume'], status: STATUS, reason: 'nothing is paused, and no weights were changed' },
    { args: ['promote', '--step', '2'], status: STATUS, reason: 'names step 2, but step 1 is in progress' },
    { args: ['abort', '--revision', 'aaaa'], status: STATUS, reason: 'names revision aaaa, but 7c1f09d2 is in progress' },
    { args: ['abort'], status: HEALTHY, reason: 'no rollout is in progress' },
    { args: ['abort'], status: undefined, reason: 'Sluice has not looked at this Rollout yet' },
  ])(
    'R22, R36: $args is not asked when the rules would refuse it: $reason',
    async ({ args: [verb = '', ...options], status, reason }) => {
      set(status);
      const said = await run(verb, 'forecast', ...options);
      expect(said).toMatchObject({ code: 1, out: '' });
      expect(said.err).toContain(`refused: ${reason}`);
      expect(said.err).toMatch(/\n(?:possible now: sluice|to see where it is: sluice status) .*forecast -n weather/);
      expect(server.patches).toEqual([]);
    },
  );

  it('R22: a refusal of the controller is a no, with what else is possible', async () => {
    server.state.onWritten = answering('refused: step 2 waits for people who approve it, and a promotion is no approval');
    const said = await run('promote', 'forecast');
    expect(said).toMatchObject({ code: 1, err: expect.stringMatching(/^refused: step 2 waits for people/) });
    expect(said.err).toContain('possible now: sluice abort forecast -n weather | sluice pause forecast -n weather');
  });

  it("R22: somebody else's request is not overwritten unless that is wanted, and it is said whose it is", async () => {
    const other = JSON.stringify({ id: 'b', verb: 'pause', by: 'bob', at: '2026-11-21T14:02:11Z' });
    set(STATUS, { 'sluice.dev/request': other });
    const said = await run('abort', 'forecast', '--timeout', '10ms');
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining('pause of bob, made at 2026-11-21T14:02:11Z') });
    expect(said.err).toContain('sluice abort forecast -n weather --replace');
    expect(server.patches).toEqual([]);
    expect(await run('abort', 'forecast', '--replace')).toMatchObject({ code: 0 });
    expect(server.patches).toMatchObject([{ verb: 'abort' }]);
  });

  it("R22: a request that was answered, and whose text has yet to go, is in nobody's way", async () => {
    const other = JSON.stringify({ id: 'b', verb: 'pause', by: 'bob' });
    set(
      { ...STATUS, lastRequest: { id: 'b', verb: 'pause', outcome: 'accepted: paused', at: '' } },
      { 'sluice.dev/request': other },
    );
    expect(await run('abort', 'forecast')).toMatchObject({ code: 0 });
  });

  it('R22: what has changed since it was read is read again, and judged again', async () => {
    let writes = 0;
    server.state.beforePatch = stored => {
      writes += 1;
      if (writes === 1) stored.metadata.resourceVersion = '8';
      return undefined;
    };
    expect(await run('promote', 'forecast')).toMatchObject({ code: 0 });
    expect(writes).toBe(2);
    writes = 0;
    set(STATUS);
    server.state.beforePatch = stored => {
      stored.metadata.resourceVersion = '8';
      stored.status = { ...STATUS, step: { ...STATUS.step, index: 2 } };
      return undefined;
    };
    const said = await run('promote', 'forecast');
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining('names step 1, but step 2 is in progress') });
    expect(server.patches).toHaveLength(1);
  });

  it('exit code 3: nobody has answered in time; the request stands, and how to take it back is said', async () => {
    server.state.onWritten = () => undefined;
    const said = await run('pause', 'forecast', '--timeout', '50ms');
    expect(said.code).toBe(3);
    expect(said.err).toMatch(/^nobody has answered within 50ms: the controller does not seem to run/);
    expect(said.err).toContain('\nto take it back: kubectl -n weather annotate sro forecast sluice.dev/request-\n');
  });

  it('a request that somebody takes away unanswered is no success', async () => {
    server.state.onWritten = stored => delete stored.metadata.annotations?.['sluice.dev/request'];
    expect(await run('pause', 'forecast')).toMatchObject({ code: 1, err: expect.stringMatching(/^not answered: somebody took/) });
  });

  it('R22: an answer counts also when another request came right after it', async () => {
    server.state.onWritten = (stored, { id }) => {
      stored.status = {
        ...stored.status,
        lastRequest: { id: 'x', verb: 'pause', outcome: 'accepted', at: '' },
        answered: { ids: [id] },
      };
    };
    expect(await run('pause', 'forecast')).toMatchObject({ code: 0 });
  });

  it('-o json and yaml tell programs how it ended', async () => {
    const json = await run('promote', 'forecast', '-o', 'json');
    const expected = { namespace: 'weather', name: 'forecast', verb: 'promote', outcome: 'accepted', detail: PROMOTED, step: 1 };
    expect(JSON.parse(json.out)).toMatchObject(expected);
    const yaml = await run('retry', 'forecast', '-o', 'yaml');
    expect(parse(yaml.out)).toMatchObject({ verb: 'retry', outcome: 'refused', phase: 'Progressing' });
    expect([yaml.code, yaml.err]).toEqual([1, '']);
  });

  it.each([
    { verb: 'promote', ended: HEALTHY, code: 0 },
    { verb: 'promote', ended: { phase: 'RolledBack', reason: 'GateFailed', step: undefined }, code: 1 },
    { verb: 'abort', ended: { phase: 'RolledBack', reason: 'Aborted', step: undefined }, code: 0 },
  ])('$verb -w ends as the rollout does: $ended.phase is $code', async ({ verb, ended, code }) => {
    server.state.onWritten = answering('accepted', ended);
    expect(await run(verb, 'forecast', '-w', '--timeout', '5s')).toMatchObject({ code });
  });

  it.each([
    { args: ['promote', 'forecast', '--force'], problem: /^--force belongs to abort; promote overrules nothing/ },
    { args: ['abort', 'forecast', '--step', 'two'], problem: /^--step is "two", expected the number of a step/ },
    { args: ['pause', 'forecast', '--timeout', 'soon'], problem: /^--timeout is "soon", expected a duration such as 30s/ },
    { args: ['pause', 'forecast', '-o', 'xml'], problem: /Allowed choices are text, json, yaml/ },
    { args: ['pause'], problem: /missing required argument 'name'\n`sluice get` lists the Rollouts/ },
  ])('exit code 2: $args', async ({ args, problem }) => {
    expect(await run(...args)).toMatchObject({ code: 2, err: expect.stringMatching(problem) });
    expect(server.patches).toEqual([]);
  });

  it('R36: a missing right comes with the rule that grants it', async () => {
    const message =
      'rollouts.sluice.dev "forecast" is forbidden: User "ann" cannot patch resource "rollouts" in API group "sluice.dev" in the namespace "weather"';
    server.state.beforePatch = () => ({ code: 403, message });
    const said = await run('abort', 'forecast');
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining('not allowed to patch rollouts.sluice.dev') });
    expect(said.err).toContain('kubectl create role patch-rollouts -n weather --verb=patch --resource=rollouts.sluice.dev');
    expect(said.err).not.toContain('sluice install');
  });

  it.each([
    { args: ['forcast'], said: /there is no such Rollout; did you mean forecast\?/ },
    { args: ['other'], said: /there is one in shop: add -n shop/ },
    { args: ['nothing'], said: /there is forecast$/m },
    { args: ['nothing', '-n', 'whether'], said: /there is no such namespace, did you mean -n weather\?/ },
    { args: ['nothing', '-n', 'empty'], said: /it has none at all: choose another namespace/ },
  ])('R36: a name that nobody has: $args', async ({ args, said }) => {
    server.state.others = [
      { name: 'other', namespace: 'shop' },
      { name: 'x', namespace: 'shop' },
    ];
    server.state.emptyNamespace = 'empty';
    expect(await run('abort', ...args)).toMatchObject({
      code: 1,
      err: expect.stringMatching(said),
    });
  });

  it.each([401, 404])('R36: HTTP %i of the API server is no no, and says what to do next', async code => {
    server.state.refusal = { code, message: code === 404 ? 'the server could not find the requested resource' : 'Unauthorized' };
    const said = await run('abort', 'forecast');
    expect(said).toMatchObject({
      code: 4,
      err: expect.stringMatching(code === 401 ? /\nlog in again/ : /install Sluice: sluice install \|/),
    });
  });

  it('R36: what a Rollout tells people to do can be pasted', async () => {
    const told = [
      STATUS,
      { ...STATUS, phase: 'Paused', reason: 'PausedByPerson', pause: { by: 'bob', since: '2026-11-21T14:00:00Z' } },
      { ...STATUS, reason: 'NoData' },
      { ...STATUS, phase: 'RolledBack', reason: 'GateFailed', step: undefined },
    ];
    const verbs = new Set<string>();
    for (const status of told) {
      const spec = { version: 'v2', strategy: { canary: { steps: [] } } };
      const rollout = { namespace: 'weather', name: 'forecast', spec, status: status as unknown as RolloutStatus };
      for (const line of rolloutView(rollout, Date.now()).todo) {
        const [, command] = /: sluice (.*)$/.exec(line) ?? [];
        if (command === undefined) continue;
        set(status);
        const words = command.split(' ');
        verbs.add(words[0] ?? '');
        expect(await run(...words), line).toMatchObject({ code: 0 });
      }
    }
    expect([...verbs].sort()).toEqual(['abort', 'promote', 'resume', 'retry']);
  });
});
