import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ROLLOUTS } from '../../src/adapters/kubernetes/resources.ts';
import { file, openRig, type Rig, short } from './sourceRig.ts';

/** What is waited for comes at once, or on a busy machine later. */
const PATIENT = { timeout: 60_000, interval: 2 };

let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});

afterEach(async () => {
  await rig.close();
});

const BOTH = { 'rollouts/forecast.yaml': file('forecast', 'v1'), 'rollouts/map.yaml': file('map', 'v1') };
const ref = { namespace: 'weather', name: 'forecast' };

async function start(files: Readonly<Record<string, string>> = BOTH): Promise<string> {
  const oid = await rig.fleet.commit(files);
  rig.source.start();
  await rig.source.wake();
  await seen(Object.keys(files).length);
  return oid;
}

/** The watch has brought what was written. */
async function seen(count: number): Promise<void> {
  await vi.waitFor(() => expect(rig.informer.list()).toHaveLength(count), PATIENT);
}

test('R32 R33 R34 a commit reaches the cluster as a whole; a bad file stops its own Rollout only', async () => {
  const { git, fleet, source, problems, clusterState } = rig;
  const first = await start();
  expect(await clusterState()).toEqual({ forecast: `v1 of ${short(first)}`, map: `v1 of ${short(first)}` });
  expect(rig.store.get('weather/forecast')?.source).toEqual({
    name: 'fleet',
    revision: `main@sha1:${first}`,
    path: 'rollouts/forecast.yaml',
    authors: ['Ada', 'ada@example.com'],
  });

  const bad = file('forecast', 'v2').replace('setWeight: 50', 'setWeight: 500');
  const second = await fleet.commit({ 'rollouts/forecast.yaml': bad, 'rollouts/map.yaml': file('map', 'v2') });
  await source.wake();
  expect(await clusterState()).toEqual({ forecast: `v1 of ${short(first)}`, map: `v2 of ${short(second)}` });
  expect(problems).toMatchObject([
    { kind: 'badFile', file: 'rollouts/forecast.yaml', line: 6, message: expect.stringContaining('setWeight') },
  ]);

  await vi.waitFor(() => expect(rig.store.get('weather/map')?.spec.version).toBe('v2'), PATIENT);
  const before = { git: git.requests.length, kubernetes: rig.requests.length };
  await source.wake();
  expect({ git: git.requests.length, kubernetes: rig.requests.length }).toEqual({ ...before, git: before.git + 1 });
});

test('R34 a rewrite is followed, and a new process writes nothing that is as Git says', async () => {
  const first = await start({ 'rollouts/forecast.yaml': file('forecast', 'v1') });
  await rig.source.stop();
  let writes = 0;
  rig.api.store.subscribe(() => {
    writes += 1;
  });
  await rig.fleet.rewrite({ 'rollouts/forecast.yaml': file('forecast', 'v1'), 'README.md': 'rewritten' });
  const restarted = rig.open();
  restarted.start();
  await restarted.wake();
  expect(restarted.status()).toMatchObject({ rollouts: 1, problems: [], lastOid: await rig.fleet.tip() });
  expect(writes).toBe(0);
  expect(await rig.clusterState()).toEqual({ forecast: `v1 of ${short(first)}` });
});

test('R33: what has gone from Git is deleted, also by a process that has not written it', async () => {
  await start();
  await rig.source.stop();
  const second = await rig.fleet.commit({ 'rollouts/moved.yaml': file('map', 'v1') });
  const restarted = rig.open();
  restarted.start();
  await restarted.wake();
  expect(await rig.clusterState()).toEqual({ map: `v1 of ${short(second)}` });
  expect(rig.turns.reduce((sum, { pruned }) => sum + pruned, 0)).toBe(1);
});

test('R33: one in progress is deleted by way of its finalizer, and made anew when it comes back to Git', async () => {
  await start();
  await rig.client.mergePatch(ROLLOUTS, ref, { metadata: { finalizers: ['sluice.dev/rollout'] } });
  await rig.fleet.commit({ 'rollouts/map.yaml': file('map', 'v1') });
  await rig.source.wake();
  expect((await rig.client.get(ROLLOUTS, ref)).metadata.deletionTimestamp).toBeDefined();
  await vi.waitFor(() => expect(rig.store.get('weather/forecast')?.isDeleting).toBe(true), PATIENT);
  const deletions = rig.requests.filter(request => request.startsWith('delete')).length;
  await rig.source.wake();
  expect(rig.requests.filter(request => request.startsWith('delete'))).toHaveLength(deletions);

  const third = await rig.fleet.commit({
    'rollouts/forecast.yaml': file('forecast', 'v3'),
    'rollouts/map.yaml': file('map', 'v1'),
  });
  await rig.source.wake();
  expect(rig.source.status().problems).toMatchObject([{ kind: 'notWritten', message: expect.stringContaining('being deleted') }]);
  await rig.client.mergePatch(ROLLOUTS, ref, { metadata: { finalizers: null } });
  const isThird = async () => expect(await rig.clusterState()).toMatchObject({ forecast: `v3 of ${short(third)}` });
  await vi.waitFor(isThird, PATIENT);
});

test('R33: a change by somebody else is put back at once, named by its field manager; requests of people stay', async () => {
  await start();
  const polls = rig.git.requests.length;
  await rig.client.mergePatch(
    ROLLOUTS,
    ref,
    { spec: { version: 'v9' }, metadata: { annotations: { 'sluice.dev/request': '{"verb":"pause"}' } } },
    { fieldManager: 'kubectl-edit' },
  );
  await vi.waitFor(async () => expect((await rig.clusterState())['forecast']).toMatch(/^v1 /), PATIENT);
  expect((await rig.client.get(ROLLOUTS, ref)).metadata.annotations).toHaveProperty(['sluice.dev/request']);
  expect(rig.git.requests).toHaveLength(polls);
  const told = rig.logs.find(({ message }) => message === 'changed by somebody else, put back');
  expect(told?.fields).toMatchObject({ rollout: 'weather/forecast', manager: 'kubectl-edit' });
});

test('R33: who takes the label away takes the Rollout over; it is neither put back nor deleted', async () => {
  await start();
  await rig.client.mergePatch(ROLLOUTS, ref, { spec: { version: 'v9' }, metadata: { labels: { 'sluice.dev/source': null } } });
  await vi.waitFor(() => expect(rig.source.status().problems).toHaveLength(1), PATIENT);
  await rig.fleet.commit({ 'rollouts/map.yaml': file('map', 'v1') });
  await rig.source.wake();
  expect(rig.source.status().problems).toEqual([]);
  expect(await rig.clusterState()).toMatchObject({ forecast: expect.stringMatching(/^v9 /) });
});

describe('R19: the authors of what was applied', () => {
  const BY_BOB = { author: { name: 'Bob', email: 'bob@example.com' } };
  const annotations = async () => (await rig.client.get(ROLLOUTS, ref)).metadata.annotations ?? {};
  const settled = () =>
    rig.client.mergePatch(ROLLOUTS, { ...ref, subresource: 'status' }, { status: { phase: 'Healthy', stableVersion: 'v1' } });

  test('are known to the process that comes next, which has to fetch what came before', async () => {
    const first = await start();
    await settled();
    await rig.source.stop();
    await rig.fleet.commit({ ...BOTH, 'rollouts/map.yaml': file('map', 'v2') });
    const last = await rig.fleet.commit({ ...BOTH, 'rollouts/forecast.yaml': file('forecast', 'v2') }, 'main', BY_BOB);
    const restarted = rig.open('anew');
    restarted.start();
    await restarted.wake();
    expect(await annotations()).toMatchObject({
      'sluice.dev/commit': `main@sha1:${last}`,
      'sluice.dev/authors': '["Bob","bob@example.com"]',
    });
    expect(first).not.toBe(last);
  });

  test('R33: stay, with the commit, when others change the Rollout and it is put back, also after commits elsewhere', async () => {
    await start();
    await settled();
    const second = await rig.fleet.commit({ ...BOTH, 'rollouts/forecast.yaml': file('forecast', 'v2') }, 'main', BY_BOB);
    await rig.source.wake();
    await rig.fleet.commit({ ...BOTH, 'rollouts/forecast.yaml': file('forecast', 'v2'), 'README.md': 'x' });
    await rig.source.wake();
    const expected = { 'sluice.dev/commit': `main@sha1:${second}`, 'sluice.dev/authors': '["Bob","bob@example.com"]' };
    const polls = rig.git.requests.length;
    for (const patch of [
      { spec: { version: 'v9' } },
      { metadata: { annotations: { 'sluice.dev/authors': '[]' } } },
      { metadata: { annotations: { 'sluice.dev/commit': 'main@sha1:x', 'sluice.dev/authors': null } } },
    ]) {
      const { length } = rig.turns;
      await rig.client.mergePatch(ROLLOUTS, ref, patch, { fieldManager: 'kubectl-edit' });
      await vi.waitFor(() => expect(rig.turns.length).toBeGreaterThan(length), PATIENT);
      await vi.waitFor(async () => expect(await annotations()).toMatchObject(expected), PATIENT);
    }
    expect(await rig.clusterState()).toMatchObject({ forecast: expect.stringMatching(/^v2 /) });
    expect(rig.git.requests).toHaveLength(polls);
  });
});
