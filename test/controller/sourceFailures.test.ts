import { afterEach, describe, expect, test } from 'vitest';
import { type Intercept, send } from '../adapters/git/gitServer.ts';
import { file, openRig, type Rig, short } from './sourceRig.ts';

let rig: Rig;

afterEach(async () => {
  await rig.close();
});

const TWO = { 'rollouts/forecast.yaml': file('forecast', 'v1'), 'rollouts/map.yaml': file('map', 'v1') };
const ONE = { 'rollouts/map.yaml': file('map', 'v2') };

const page: Intercept = (_, response) => {
  send(response, { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<html>Please log in</html>') });
};
const unavailable: Intercept = (_, response) => send(response, { status: 503, headers: {}, body: Buffer.alloc(0) });
const broken: Intercept = (_, response) => void response.destroy();
/** A server that knows ada only with this password. */
const guarded =
  (password: string): Intercept =>
  async (request, response, proceed) => {
    const expected = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
    if (request.headers.authorization === expected) send(response, await proceed());
    else send(response, { status: 401, headers: { 'www-authenticate': 'Basic' }, body: Buffer.alloc(0) });
  };
/** Lets polls through, but no fetch. */
const noFetch: Intercept = async (request, response, proceed) => {
  const answer = await proceed();
  if (request.method === 'POST' && answer.body.includes('PACK')) response.destroy();
  else send(response, answer);
};

type Failure = {
  readonly happens: (rig: Rig) => unknown;
  readonly error: string;
  readonly ends: (rig: Rig) => unknown;
};

const intercepting = (intercept: Intercept): Omit<Failure, 'error'> => ({
  happens: async ({ git, fleet }) => {
    git.intercept = intercept;
    await fleet.commit(ONE);
  },
  ends: ({ git }) => {
    git.intercept = undefined;
  },
});

const FAILURES: Readonly<Record<string, Failure>> = {
  'an unreachable server': { ...intercepting(broken), error: 'the connection broke' },
  'a server that is overloaded': { ...intercepting(unavailable), error: 'the server cannot answer now (503)' },
  'a page to log in': { ...intercepting(page), error: 'the answer is not Git' },
  'a fetch that breaks off': { ...intercepting(noFetch), error: 'the connection broke' },
  'credentials that are not accepted any more': {
    ...intercepting(guarded('n3w')),
    error: 'the server does not accept the credentials (401); check auth of this source',
  },
  'a deleted branch': {
    happens: async ({ fleet }) => await fleet.remove(),
    error: "polling branch 'main' of ",
    ends: async ({ fleet }) => await fleet.rewrite(ONE),
  },
  'a path that has gone': {
    happens: async ({ fleet }) => await fleet.commit({ 'README.md': 'moved' }),
    error: "there is no path 'rollouts' in the branch; make it or correct path",
    ends: async ({ fleet }) => await fleet.commit(ONE),
  },
  'a path without any YAML file': {
    happens: async ({ fleet }) => await fleet.commit({ 'rollouts/README.md': 'soon' }),
    error: "there is no *.yaml or *.yml file below 'rollouts'; add one or correct path",
    ends: async ({ fleet }) => await fleet.commit(ONE),
  },
  'a branch rewritten to nothing of ours': {
    happens: async ({ fleet }) => await fleet.rewrite({ 'README.md': 'a new beginning' }),
    error: "there is no path 'rollouts' in the branch",
    ends: async ({ fleet }) => await fleet.rewrite(ONE),
  },
};

describe('R32 R33: a failure of Git says what is wrong, changes and prunes nothing, and is over by itself', () => {
  test.each(Object.entries(FAILURES))('%s', async (_, { happens, error, ends }) => {
    rig = await openRig({ auth: () => ({ username: 'ada', password: 's3cret' }) });
    const first = await rig.fleet.commit(TWO);
    rig.source.start();
    await rig.source.wake();
    const before = { forecast: `v1 of ${short(first)}`, map: `v1 of ${short(first)}` };
    expect(await rig.clusterState()).toEqual(before);

    await happens(rig);
    await rig.source.wake();
    await rig.source.wake();
    const { error: said, appliedRevision } = rig.source.status();
    expect(said).toContain(error);
    expect(said).toContain(`${rig.git.origin}/fleet.git`);
    expect(said).not.toContain('s3cret');
    expect(appliedRevision).toBe(`main@sha1:${first}`);
    expect(await rig.clusterState()).toEqual(before);
    expect(rig.logs.filter(({ message }) => message.startsWith('Git cannot be read'))).toHaveLength(1);

    await ends(rig);
    await rig.source.wake();
    expect(rig.source.status()).not.toHaveProperty('error');
    expect(await rig.clusterState()).toEqual({ map: `v2 of ${short((await rig.fleet.tip()) ?? '')}` });
  });
});

describe('a source that has never read its branch', () => {
  test('R32: says that the branch is missing, and begins when it is there', async () => {
    rig = await openRig();
    rig.source.start();
    await rig.source.wake();
    expect(rig.source.status().error).toContain('there is no such branch; make it with a first commit or correct branch');
    const first = await rig.fleet.commit(ONE);
    await rig.source.wake();
    expect(await rig.clusterState()).toEqual({ map: `v2 of ${short(first)}` });
  });

  test('R33: prunes nothing of what another process wrote before', async () => {
    rig = await openRig();
    const first = await rig.fleet.commit(TWO);
    rig.source.start();
    await rig.source.wake();
    await rig.source.stop();
    await rig.fleet.rewrite({ 'README.md': 'a new beginning' });
    const restarted = rig.open();
    restarted.start();
    await restarted.wake();
    expect(restarted.status().error).toContain("there is no path 'rollouts'");
    expect(await rig.clusterState()).toEqual({ forecast: `v1 of ${short(first)}`, map: `v1 of ${short(first)}` });
  });

  test('R34: a rewritten branch is followed as it is: what it leaves out goes, what it changes is applied', async () => {
    rig = await openRig();
    await rig.fleet.commit(TWO);
    rig.source.start();
    await rig.source.wake();
    const second = await rig.fleet.rewrite(ONE);
    await rig.source.wake();
    expect(await rig.clusterState()).toEqual({ map: `v2 of ${short(second)}` });
  });
});
