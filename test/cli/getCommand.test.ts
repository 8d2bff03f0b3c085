import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGetCommand } from '../../src/cli/get.ts';
import { createHistoryCommand } from '../../src/cli/history.ts';
import { createListener, openCluster, terminalOf } from './statusCluster.ts';

const SPEC = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: '5m' } }] } } };
const shown = (version: string, step: string, weight: string) => ({ display: { version, step, weight } });
const HEALTHY = {
  phase: 'Healthy',
  reason: 'UpToDate',
  stableVersion: 'v1',
  message: 'v1 has all traffic',
  ...shown('v1', '', '100%'),
};
const STEP = {
  phase: 'Progressing',
  reason: 'StepEntered',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  message: 'step 1/2 at 50%: p99 212 ms; next step at 14:03:10Z',
  ...shown('v2', '1/2', '50%'),
};
const HISTORY = [
  {
    at: '2026-11-21T14:00:00.123Z',
    from: 'v1',
    to: 'v2',
    action: 'started',
    reason: 'Started',
    message: 'starting v2',
    evidence: 'a'.repeat(64),
  },
  {
    at: '2026-11-21T14:05:00.000Z',
    from: 'v2',
    to: 'v1',
    action: 'rolledBack',
    reason: 'GateFailed',
    message: 'bad',
    step: 1,
    weight: 50,
    evidence: 'b'.repeat(64),
  },
];
const BACK = {
  phase: 'RolledBack',
  reason: 'GateFailed',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  message: 'all traffic on v1',
  history: HISTORY,
  ...shown('v2', '', '0%'),
};

let cluster: Awaited<ReturnType<typeof openCluster>>;
beforeAll(async () => {
  cluster = await openCluster();
  await cluster.addRollout('forecast', SPEC, { status: STEP });
  await cluster.addRollout('api', SPEC, { status: HEALTHY });
  await cluster.addRollout('basket', SPEC, { status: BACK });
  await cluster.addRollout('cart', SPEC, { namespace: 'shop' });
});
afterAll(() => cluster.close());

const command =
  (create: typeof createGetCommand, columns = Number.POSITIVE_INFINITY) =>
  (...args: readonly string[]) => {
    const listener = createListener();
    const its = create(listener.io, terminalOf({ columns: () => columns }));
    return { ...listener, done: its.parseAsync(['--kubeconfig', cluster.kubeconfig, ...args], { from: 'user' }) };
  };
const run =
  (create: typeof createGetCommand, columns?: number) =>
  async (...args: readonly string[]) => {
    const { done, said } = command(create, columns)(...args);
    await done;
    return said;
  };
/** Ages are as old as the test. */
const rows = (text: string): readonly string[] =>
  text
    .trimEnd()
    .split('\n')
    .map(line => line.replace(/\d+s$/, 'AGE'));

describe('sluice get', () => {
  const get = run(createGetCommand);
  const weather = ['-n', 'weather'];

  it('a table as kubectl prints it, by name; nothing is cut where nobody looks', async () => {
    const { out, code } = await get(...weather);
    expect(code).toBe(0);
    expect(rows(out)).toEqual([
      'NAME       STATUS        VERSION   STEP   WEIGHT   MESSAGE                                               AGE',
      'api        Healthy       v1               100%     v1 has all traffic                                    AGE',
      'basket     RolledBack    v2               0%       all traffic on v1                                     AGE',
      'forecast   Progressing   v2        1/2    50%      step 1/2 at 50%: p99 212 ms; next step at 14:03:10Z   AGE',
    ]);
  });

  it('on a terminal the message gives way', async () => {
    const lines = rows((await run(createGetCommand, 80)(...weather, 'forecast')).out);
    expect(lines.map(line => line.length <= 80)).toEqual([true, true]);
    expect(lines[1]).toMatch(/^forecast {3}Progressing {3}v2 {8}1\/2 {4}50% {6}step 1\/2 at .*\.\.\. {3}AGE$/);
  });

  it('all namespaces, those that need a person first, only some phases', async () => {
    const all = rows((await get('-A', '--sort', 'attention', '-o', 'wide')).out);
    expect(all[0]).toMatch(/^NAMESPACE {3}NAME .* MESSAGE .* STABLE {3}SOURCE {3}AGE$/);
    expect(all.slice(1).map(line => line.split(/ +/)[1])).toEqual(['basket', 'forecast', 'cart', 'api']);
    expect(rows((await get(...weather, '--attention')).out)[1]).toMatch(/^basket/);
    expect(rows((await get('-A', '--phase', 'Pending,healthy')).out).map(line => line.split(/ +/)[1])).toEqual([
      'NAME',
      'cart',
      'api',
    ]);
  });

  it('for programs: the lines of the HTTP API, or names for kubectl', async () => {
    const { items } = JSON.parse((await get(...weather, '-o', 'json')).out);
    expect(items).toHaveLength(3);
    expect(items[1]).toMatchObject({ name: 'basket', phase: 'RolledBack', attention: 'broken', weight: '0%' });
    expect((await get('-n', 'shop', '-o', 'yaml')).out).toMatch(/^items:\n {2}- namespace: shop\n/);
    expect((await get(...weather, 'api', '-o', 'name')).out).toBe('rollout.sluice.dev/api\n');
  });

  it('none is no error, a name that is not there is a no, and the others are shown', async () => {
    expect(await get('-n', 'empty')).toEqual({ code: 0, out: '', err: 'No resources found in empty namespace\n' });
    const some = await get(...weather, 'api', 'nosuch');
    expect(some).toMatchObject({ code: 1, out: expect.stringMatching(/\napi /), err: expect.stringContaining('nosuch') });
    expect(await get('-A', 'api')).toMatchObject({ code: 2, err: expect.stringContaining('leave out -A') });
  });

  it('a cluster that knows no Rollouts: what to install', async () => {
    const bare = await openCluster({ knowsRollouts: false });
    const { io, said } = createListener();
    await createGetCommand(io, terminalOf()).parseAsync(['--kubeconfig', bare.kubeconfig, '-A'], { from: 'user' });
    await bare.close();
    expect(said).toMatchObject({ code: 4, err: expect.stringContaining('sluice install | kubectl apply -f -') });
  });

  it('one whose status somebody else has written spoils no list, and steers no terminal', async () => {
    const odd = await openCluster();
    await odd.addRollout('bare', SPEC, { status: { phase: 'Progressing' } });
    await odd.addRollout('broken', SPEC, {
      status: {
        ...STEP,
        waitingFor: { what: 'approval' },
        revision: 'r1',
        step: { index: 1, askedAt: '2026-11-21T14:00:00Z' },
        plan: {},
      },
    });
    await odd.addRollout('painted', SPEC, { status: { ...STEP, ...shown('v2', '\u001b[2J1/2', '\u009b1m50%') } });
    const ask = async (...args: readonly string[]) => {
      const { io, said } = createListener();
      const words = ['--kubeconfig', odd.kubeconfig, '-n', 'weather', ...args];
      await createGetCommand(io, terminalOf()).parseAsync(words, { from: 'user' });
      return said;
    };
    const { out, code } = await ask();
    expect([
      code,
      rows(out)
        .slice(1)
        .map(line => line.split(/ {2,}/).slice(0, 2).join(' ')),
    ]).toEqual([0, ['bare Progressing', 'broken Invalid', 'painted Progressing']]);
    expect(out).toContain('its status is not as Sluice writes it');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
    expect(out).not.toMatch(/[\u001b\u009b]/);
    expect((await ask('broken', '-o', 'json')).code).toBe(0);
    await odd.close();
  });

  it('-w: a line for each change that shows, until the API server does not want it any more', async () => {
    const { said, heard, done } = command(createGetCommand)('-n', 'shop', '-w');
    await heard(/cart .*not looked at/);
    await cluster.setStatus('cart', HEALTHY, 'shop');
    await heard(/cart .*v1 has all traffic/);
    await cluster.setStatus('cart', { observedGeneration: 1 }, 'shop');
    await cluster.setStatus('cart', { ...HEALTHY, message: 'at rest' }, 'shop');
    await heard(/cart .*at rest/);
    expect(said.out.match(/^cart/gm)).toHaveLength(3);
    expect(said.out.match(/^NAME/gm)).toHaveLength(1);
    cluster.state.forbidden = /\/rollouts/;
    await cluster.leave();
    await cluster.comeBack();
    await done;
    delete cluster.state.forbidden;
    expect(said.code).toBe(1);
  });
});

describe('sluice history', () => {
  const history = run(createHistoryCommand);

  it.each([40, 80])('on a terminal of %d columns every message stands whole, below its line', async columns => {
    const { out } = await run(createHistoryCommand, columns)('-n', 'weather', 'basket');
    const words = out.replace(/\s+/g, ' ');
    for (const { action, message } of HISTORY) expect(words).toMatch(new RegExp(`${action}.* ${message}`));
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it('newest first, with where it ended and the record behind it', async () => {
    const { out, code } = await history('-n', 'weather', 'basket');
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toEqual([
      'AT                     ACTION       FROM -> TO   STEP       REASON       EVIDENCE       MESSAGE',
      '2026-11-21T14:05:00Z   rolledBack   v2 -> v1     1 at 50%   GateFailed   bbbbbbbbbbbb   bad',
      '2026-11-21T14:00:00Z   started      v1 -> v2     -          Started      aaaaaaaaaaaa   starting v2',
    ]);
  });

  it('--evidence tells the commands that fetch and replay; -o json says it all', async () => {
    const { out } = await history('-n', 'weather', 'basket', '--evidence');
    expect(out).toContain('kubectl -n weather get configmaps -l sluice.dev/rollout=basket -o yaml | sluice replay -\n');
    expect(out).toContain('grep -A2 bbbbbbbbbbbb');
    const { items } = JSON.parse((await history('-n', 'weather', 'basket', '-o', 'json')).out);
    expect(items).toEqual(HISTORY.toReversed());
  });

  it('an entry that somebody else has written spoils nothing', async () => {
    const odd = await openCluster();
    await odd.addRollout('odd', SPEC, { status: { ...BACK, history: [...HISTORY, { action: '\u001b[2J', at: 'soon' }] } });
    const { io, said } = createListener();
    const words = ['--kubeconfig', odd.kubeconfig, '-n', 'weather', 'odd'];
    await createHistoryCommand(io, terminalOf()).parseAsync(words, { from: 'user' });
    await odd.close();
    expect([said.code, said.out.split('\n')[1]?.trim()]).toEqual([0, expect.stringMatching(/^- +\[2J/)]);
  });

  it('none yet is no error', async () => {
    expect(await history('-n', 'weather', 'api')).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('no history yet'),
    });
  });
});
