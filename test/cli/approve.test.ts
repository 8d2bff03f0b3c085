import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../src/adapters/templates/messageFiles.ts';
import { createMessageRenderer } from '../../src/adapters/templates/messages.ts';
import { sampleMessages } from '../../src/adapters/templates/samples.ts';
import { createApproveCommand, createRejectCommand } from '../../src/cli/approve.ts';
import { createCertificate } from '../../src/sandbox/kube/certificate.ts';
import { startApproveServer } from './approveServer.ts';
import { recordedIo } from './recordedIo.ts';

/** Nothing that a command prints may hold one of these. */
const TOKENS = {
  kubeconfig: 'kube-token-of-alice',
  given: 'given-token-of-bob',
  file: 'token-of-a-file',
  plugin: 'token-of-a-plugin',
};

const approval = { when: 'before', required: 2, approvers: ['user:alice', 'user:bob'], onTimeout: 'hold', allowAuthor: false };
const STATUS = {
  phase: 'AwaitingApproval',
  reason: 'WaitingForApproval',
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  step: { index: 1, count: 2, startedAt: '2026-11-21T14:00:00.000Z', askedAt: '2026-11-21T14:01:00.000Z' },
  plan: {
    steps: [
      { weight: 20, pauseMs: 0 },
      { weight: 50, pauseMs: 0, approval: { ...approval, message: 'Half of all users for {{name}}?' } },
    ],
    gates: [],
  },
  gates: [{ name: 'success-rate', verdict: 'Pass', message: 'success rate 99.9 %' }],
  approvals: [{ revision: '7c1f09d2', step: 2, decision: 'approved', by: 'bob', via: 'slack', at: '2026-11-21T14:02:00.000Z' }],
  message: 'step 1/2 at 20%: waits for \u001b[31mpeople',
};
const rollout = (change: object = {}) => ({
  metadata: { name: 'forecast', namespace: 'weather', uid: 'u-1' },
  spec: { version: 'v2', strategy: { canary: { steps: [] } } },
  status: { ...STATUS, ...change },
});
const RECORDED = { status: 200, body: { decision: 'approved', by: 'alice', revision: '7c1f09d2', step: 2 } };
const problem = (status: number, detail: string) => ({
  status,
  body: { type: 'about:blank', title: 'No', status, detail },
  headers: { 'content-type': 'application/problem+json' },
});
const ANSWERED = '/api/v1/rollouts/weather/forecast/approvals';

describe('sluice approve and reject', () => {
  let server: Awaited<ReturnType<typeof startApproveServer>>;
  let folder: string;

  const kubeconfigOf = async (name: string, user: object, more: object = {}): Promise<string> => {
    const file = join(folder, name);
    const cluster = { name: 'c', cluster: { server: server.url } };
    const context = { name: 'here', context: { cluster: 'c', user: 'someone', namespace: 'weather' } };
    const other = { name: 'there', context: { cluster: 'c', user: 'someone', namespace: 'elsewhere' } };
    const parts = {
      clusters: [cluster],
      users: [{ name: 'someone', user }],
      contexts: [context, other],
      'current-context': 'here',
    };
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts, ...more }));
    return file;
  };

  beforeAll(async () => {
    server = await startApproveServer();
    folder = await mkdtemp(join(tmpdir(), 'sluice-approve-'));
    await kubeconfigOf('kubeconfig', { token: TOKENS.kubeconfig });
    await writeFile(join(folder, 'token'), `${TOKENS.file}\n`);
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  afterEach(() => {
    server.seen.length = 0;
  });

  const at = (name: string): string => join(folder, name);
  const run = async (decision: 'approve' | 'reject', args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { io, said } = recordedIo(env);
    const command = decision === 'approve' ? createApproveCommand(io) : createRejectCommand(io);
    await command.parseAsync(['forecast', '--kubeconfig', at('kubeconfig'), ...args], { from: 'user' });
    for (const token of Object.values(TOKENS)) expect(`${said.out}${said.err}`).not.toContain(token);
    return said;
  };
  const here = (...more: readonly string[]): readonly string[] => ['--server', server.url, ...more];
  const sent = () => server.seen.filter(({ path }) => !path.startsWith('/apis'));

  it('R19: shows what is asked and answers exactly that question, with the token of the kubeconfig', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    const said = await run('approve', here('--comment', 'looks good'));
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(said.out).toMatch(/^weather\/forecast: may v2 begin step 2\/2 at 50%\? \(revision 7c1f09d2, asked \w+ ago\)\n/);
    expect(said.out).toContain('Half of all users for forecast?\nagreed so far: 1 of 2 (bob)\n');
    expect(said.out).toContain('gates: success-rate Pass\nstep 1/2 at 20%: waits for [31mpeople\n');
    expect(said.out).toMatch(/\napproved: weather\/forecast step 2 of revision 7c1f09d2, as alice\n$/);
    const askedAt = STATUS.step.askedAt;
    const body = { decision: 'approve', revision: '7c1f09d2', step: 2, askedAt, comment: 'looks good' };
    expect(sent()).toEqual([{ method: 'POST', path: ANSWERED, token: TOKENS.kubeconfig, body }]);
  });

  it('R19: reject says no to the same question', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    const said = await run('reject', here(), { SLUICE_SERVER: 'http://127.0.0.1:1' });
    expect(said).toMatchObject({ code: 0, out: expect.stringMatching(/\nrejected: weather\/forecast step 2 /) });
    expect(sent()[0]?.body).toEqual({ decision: 'reject', revision: '7c1f09d2', step: 2, askedAt: STATUS.step.askedAt });
  });

  it.each([
    {
      name: 'nobody is asked',
      change: { step: { ...STATUS.step, askedAt: undefined } },
      args: [],
      reason: /nobody is asked: step 1/,
    },
    { name: 'another step is asked', change: {}, args: ['--step', '1'], reason: /step 2 is what people are asked, not 1/ },
    {
      name: 'another revision is asked',
      change: {},
      args: ['--revision', 'aaaa'],
      reason: /revision 7c1f09d2 is what .*, not aaaa/,
    },
  ])('R19: sends nothing when $name', async ({ change, args, reason }) => {
    server.kube({ object: rollout(change) });
    expect(await run('approve', here(...args))).toMatchObject({ code: 1, err: expect.stringMatching(reason) });
    expect(sent()).toEqual([]);
  });

  it('--step and --revision together need no reading, and a Rollout that may not be read says so', async () => {
    server.kube({ code: 403, message: 'rollouts.sluice.dev "forecast" is forbidden: User "alice" cannot get resource' });
    server.sluice(RECORDED);
    const forbidden = await run('approve', here());
    expect(forbidden).toMatchObject({
      code: 1,
      err: expect.stringMatching(/sluice-approver, and without it --step and --revision are enough/),
    });
    expect(await run('approve', here('--step', '2', '--revision', '7c1f09d2'))).toMatchObject({ code: 0 });
    expect(sent()).toHaveLength(1);
  });

  it.each([
    { status: 401, detail: 'the token is not valid', reason: /the token is not valid; it takes the token of a Kubernetes user/ },
    { status: 403, detail: 'alice is none of user:bob', reason: /alice is none of user:bob/ },
    { status: 404, detail: 'there is no such Rollout', reason: /there is no such Rollout/ },
    { status: 409, detail: 'alice has\n answered \u001b[2Jalready', reason: /alice has answered \[2Jalready/ },
  ])('a $status is a no, with its reason in one line', async ({ status, detail, reason }) => {
    server.kube({ object: rollout() });
    server.sluice(problem(status, detail));
    const said = await run('approve', here());
    expect(said).toMatchObject({ code: 1, err: expect.stringMatching(reason) });
    expect(said.err).toMatch(/^not approved: weather\/forecast: [^\n]*\n$/);
  });

  it.each([
    {
      name: 'not stored',
      said: { ...problem(503, 'no process\u001b[2J leads'), headers: { 'retry-after': '3' } },
      reason: /no process \[2J leads; try again in 3 s/,
    },
    { name: 'too many', said: problem(429, 'too many failures'), reason: /HTTP 429\): too many failures/ },
    {
      name: 'a redirect',
      said: { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
      reason: /redirects elsewhere, which is not/,
    },
    { name: 'a login page', said: { status: 200, body: '<html>' }, reason: /does not answer as Sluice does \(HTTP 200\)/ },
    {
      name: 'a 404 of somebody else',
      said: { status: 404, body: '<html>' },
      reason: /does not answer as Sluice does \(HTTP 404\)/,
    },
    {
      name: 'an answer that is too long',
      said: { status: 200, body: `{"decision":"approved","by":"alice","x":"${'x'.repeat(70_000)}"}` },
      reason: /does not answer as/,
    },
    { name: 'a broken connection', said: 'hang up' as const, reason: /broke the connection/ },
  ])('$name is nobody who has taken it', async ({ said, reason }) => {
    server.kube({ object: rollout() });
    server.sluice(said);
    expect(await run('approve', here())).toMatchObject({ code: 4, err: expect.stringMatching(reason) });
    expect(sent()).toHaveLength(1);
  });

  it.each([
    ['a 503', problem(503, 'no status was stored within 10 s')],
    ['a broken connection', 'hang up' as const],
  ])('R19: after %s nobody knows whether it is recorded, and where to look is said', async (_, said) => {
    server.kube({ object: rollout() });
    server.sluice(said);
    const { code, err } = await run('approve', here());
    expect(code).toBe(4);
    expect(err).toMatch(/^not known to be recorded: .*; look with `kubectl get sro forecast -n weather`, or answer again: /);
  });

  it('the address of webhooks is told from that of the API', async () => {
    server.kube({ object: rollout() });
    server.sluice(problem(404, `nothing is served at ${ANSWERED}`));
    const said = await run('approve', here());
    expect(said).toMatchObject({
      code: 4,
      err: expect.stringMatching(/^--server leads to Sluice, but not to its API: .*port 8080$/m),
    });
  });

  it('-o yaml tells programs how it ended', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    expect((await run('approve', here('-o', 'yaml'))).out).toContain('\noutcome: recorded\n');
  });

  it('R36: a name that nobody has comes with what to do next', async () => {
    server.kube({ code: 404, message: 'rollouts.sluice.dev "forecast" not found' });
    const said = await run('approve', here());
    expect(said).toMatchObject({
      code: 1,
      err: expect.stringMatching(/there is no such Rollout; which ones there are you may not list$/m),
    });
  });

  it('what was never sent is not in doubt', async () => {
    const closed = await startApproveServer();
    await closed.close();
    const { code, err } = await run('approve', ['--server', closed.url, '--step', '2', '--revision', '7c1f09d2']);
    expect([code, err]).toEqual([4, expect.stringMatching(/^reaching Sluice: /)]);
  });

  it('R36: what a message says can be pasted: the command takes it as it stands', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    const [sample] = sampleMessages('approval');
    if (sample === undefined) throw new Error('no sample');
    const lines = { file: 'own.hbs', text: '{{#each todo}}\n{{command}}\n{{/each}}\n' };
    const render = createMessageRenderer({
      builtIn: { ...builtInTemplates(), approval: lines },
      overrides: {},
      logger: { warn: () => undefined },
      publicUrl: `${server.url}/in;$(false) it's`,
    });
    const pasted = render(sample.message, 'text').split('\n');
    const answers = pasted.filter(line => /^sluice (?:approve|reject) /.test(line));
    for (const line of answers) {
      const words = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
        .trimEnd()
        .split('\n');
      expect(await run(words[1] === 'reject' ? 'reject' : 'approve', words.slice(3))).toMatchObject({ code: 0 });
    }
    expect(sent().map(({ path, body }) => [path, (body as { decision: string }).decision])).toEqual([
      [`/in;$(false)%20it%27s${ANSWERED}`, 'approve'],
      [`/in;$(false)%20it%27s${ANSWERED}`, 'reject'],
    ]);
  });

  it('finds tokens: given, in a file, in the token file or by the plugin of the kubeconfig', async () => {
    const plugin = at('plugin.sh');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: TOKENS.plugin },
    };
    await writeFile(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
    await chmod(plugin, 0o700);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const files = {
      file: await kubeconfigOf('with-file', { tokenFile: 'token' }),
      plugin: await kubeconfigOf('with-plugin', { exec }),
    };
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    await run('approve', here('--token', TOKENS.given));
    await run('approve', here('--token-file', at('token')));
    await run('approve', here('--kubeconfig', files.plugin));
    const { io, said } = recordedIo({ KUBECONFIG: files.file });
    await createApproveCommand(io).parseAsync(['forecast', ...here()], { from: 'user' });
    expect(said.code).toBe(0);
    expect(sent().map(({ token }) => token)).toEqual([TOKENS.given, TOKENS.file, TOKENS.plugin, TOKENS.file]);
  });

  it('without a token says what to do', async () => {
    server.kube({ object: rollout() });
    const file = await kubeconfigOf('nobody', {});
    const said = await run('approve', here('--kubeconfig', file));
    expect(said).toMatchObject({ code: 4, err: expect.stringMatching(/use --token or --token-file, .*kubectl create token/) });
    expect(sent()).toEqual([]);
  });

  it('namespace and context are those that are named', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    await run('approve', here('--context', 'there'));
    await run('approve', here('-n', 'named'));
    expect(sent().map(({ path }) => path)).toEqual(['elsewhere', 'named'].map(name => ANSWERED.replace('weather', name)));
    const said = await run('approve', here('--context', 'nowhere'));
    expect(said).toMatchObject({ code: 4, err: expect.stringMatching(/no context nowhere; there are here, there/) });
  });

  it('-o json tells programs how it ended', async () => {
    server.kube({ object: rollout() });
    server.sluice(RECORDED);
    const recorded = await run('approve', here('-o', 'json'));
    server.sluice(problem(409, 'too late'));
    const question = { name: 'forecast', namespace: 'weather', revision: '7c1f09d2', step: 2, decision: 'approve' };
    expect(JSON.parse(recorded.out)).toEqual({ ...question, by: 'alice', outcome: 'recorded' });
    const late = await run('approve', here('-o', 'json'));
    expect(JSON.parse(late.out)).toEqual({ ...question, status: 409, outcome: 'refused', detail: 'too late' });
    expect(late.code).toBe(1);
  });

  it.each([
    { args: [], reason: /--server is missing.*kubectl -n sluice-system port-forward/ },
    { args: ['--server', 'ftp://x'], reason: /--server is no http/ },
    { args: ['--server', 'http://sluice.example.com'], reason: /sent over https or to this machine only.*--insecure-http/ },
    { args: ['--server', 'http://127.0.0.1.example.com'], reason: /over https or to this machine only/ },
    { args: ['--server', 'https://someone:secret@sluice.example.com'], reason: /names a user or a password/ },
    { args: ['--server', 'https://sluice.example.com/?a=b'], reason: /has a query/ },
    { args: ['--server', 'https://x', '--step', '0'], reason: /--step is "0"/ },
    { args: ['--server', 'https://x', '--revision', '../x'], reason: /--revision is/ },
    { args: ['--server', 'https://x', '-n', '../x'], reason: /--namespace is/ },
    { args: ['--server', 'https://x', '--comment', 'x'.repeat(1_001)], reason: /--comment has more than 1000/ },
    { args: ['--server', 'https://x', '--token', TOKENS.given, '--token-file', 'f'], reason: /are both there/ },
    { args: ['--server', 'https://x', '--token', `${TOKENS.given} x`], reason: /--token holds no token/ },
    { args: ['--server', 'https://x', '--token-file', '/does/not/exist'], reason: /cannot be read \(ENOENT\)/ },
  ])('wrong usage: $args', async ({ args, reason }) => {
    const said = await run('approve', args);
    expect(said).toMatchObject({ code: 2, out: '', err: expect.stringMatching(reason) });
    expect(said.err).not.toContain('secret');
    expect(server.seen).toEqual([]);
  });

  it('the name of a Rollout cannot lead elsewhere', async () => {
    const { io, said } = recordedIo();
    await createApproveCommand(io).parseAsync(['../secrets', ...here()], { from: 'user' });
    expect(said).toMatchObject({ code: 2, err: expect.stringMatching(/NAME is/) });
  });

  it('over https the authority has to be known', async () => {
    const certificate = createCertificate();
    const secure = await startApproveServer(certificate);
    secure.sluice(RECORDED);
    await writeFile(at('ca.pem'), certificate.cert);
    const args = ['--server', `${secure.url}/`, '--step', '2', '--revision', '7c1f09d2'];
    expect(await run('approve', args)).toMatchObject({
      code: 4,
      err: expect.stringMatching(/certificate that is not trusted here/),
    });
    expect(secure.seen).toEqual([]);
    expect(await run('approve', [...args, '--certificate-authority', at('ca.pem')])).toMatchObject({ code: 0 });
    expect(secure.seen).toMatchObject([{ path: ANSWERED, token: TOKENS.kubeconfig }]);
    await secure.close();
  });
});
