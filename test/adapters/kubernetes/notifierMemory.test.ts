import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { createConfigMapMemory } from '../../../src/adapters/kubernetes/notifierMemory.ts';
import { CONFIG_MAPS } from '../../../src/adapters/kubernetes/resources.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';

const NAMESPACE = 'default';
const { signal } = new AbortController();

describe('what a notifier remembers, in ConfigMaps', () => {
  let sandbox: Sandbox;
  let client: KubeClient;
  beforeAll(async () => {
    sandbox = await startSandbox({ portBase: 0, rate: 0 });
    client = createKubeClient({ kubeconfigPath: sandbox.kubeconfigPath });
  });
  afterAll(async () => {
    client.close();
    await sandbox.close();
  });

  const open = () => {
    const calls: string[] = [];
    const counted: Pick<KubeClient, 'create' | 'jsonPatch'> = {
      create: (...parameters) => {
        calls.push('create');
        return client.create(...parameters);
      },
      jsonPatch: (...parameters) => {
        calls.push('patch');
        return client.jsonPatch(...parameters);
      },
    };
    return { calls, memory: createConfigMapMemory({ client: counted, notifier: 'slack' }) };
  };
  const read = (name: string) => client.get(CONFIG_MAPS, { namespace: NAMESPACE, name });

  it('is one ConfigMap that goes with the Rollout, and is found again by the next process', async () => {
    const rollout = { namespace: NAMESPACE, name: 'forecast', uid: 'uid-1' };
    const { memory, calls } = open();
    expect(await memory.load(rollout, signal)).toBeUndefined();
    await memory.save(rollout, 'one', signal);
    await memory.save(rollout, 'two', signal);
    expect(calls).toEqual(['patch', 'patch', 'create', 'patch']);
    const { metadata, data } = await read('forecast-memory-slack');
    expect(data).toEqual({ memory: 'two' });
    expect(metadata.labels).toEqual({
      'sluice.dev/rollout': 'forecast',
      'sluice.dev/memory': 'slack',
      'app.kubernetes.io/managed-by': 'sluice',
    });
    expect(metadata.ownerReferences).toEqual([
      { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name: 'forecast', uid: 'uid-1' },
    ]);
    const next = open();
    expect(await next.memory.load(rollout, signal)).toBe('two');
    await next.memory.save(rollout, 'three', signal);
    expect(next.calls).toEqual(['patch', 'patch']);
    // to look changes nothing
    const before = await read('forecast-memory-slack');
    await next.memory.load(rollout, signal);
    expect((await read('forecast-memory-slack')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('is made anew when somebody has deleted it', async () => {
    const rollout = { namespace: NAMESPACE, name: 'deleted', uid: 'uid-1' };
    const { memory } = open();
    await memory.save(rollout, 'one', signal);
    await client.delete(CONFIG_MAPS, { namespace: NAMESPACE, name: 'deleted-memory-slack' });
    await memory.save(rollout, 'two', signal);
    expect(await memory.load(rollout, signal)).toBe('two');
  });

  it('of a Rollout that was deleted and made anew nothing is remembered, and its ConfigMap is taken over', async () => {
    const [before, after] = ['uid-1', 'uid-2'].map(uid => ({ namespace: NAMESPACE, name: 'anew', uid }));
    const { memory } = open();
    if (before === undefined || after === undefined) throw new Error('there are two');
    await memory.save(before, 'one', signal);
    expect(await memory.load(after, signal)).toBeUndefined();
    await memory.save(after, 'two', signal);
    const { metadata } = await read('anew-memory-slack');
    expect(metadata.ownerReferences?.map(({ uid }) => uid)).toEqual(['uid-2']);
    expect(await open().memory.load(before, signal)).toBeUndefined();
  });

  it('a ConfigMap of that name that is not ours is left alone, and said', async () => {
    const rollout = { namespace: NAMESPACE, name: 'foreign', uid: 'uid-1' };
    const name = 'foreign-memory-slack';
    await client.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: NAMESPACE, name },
      data: { mine: 'x' },
    });
    const { memory } = open();
    const said = `reading ConfigMap ${NAMESPACE}/${name}: it exists and is not ours, expected the labels of Sluice; rename or delete it`;
    await expect(memory.load(rollout, signal)).rejects.toMatchObject({ kind: 'refused', message: said });
    await expect(memory.save(rollout, 'one', signal)).rejects.toMatchObject({ kind: 'refused', message: said });
    expect((await read(name))['data']).toEqual({ mine: 'x' });
  });

  it('what another process has stored meanwhile is not overwritten', async () => {
    const rollout = { namespace: NAMESPACE, name: 'two', uid: 'uid-1' };
    const [one, two] = [open().memory, open().memory];
    await one.save(rollout, 'one', signal);
    expect(await two.load(rollout, signal)).toBe('one');
    await two.save(rollout, 'two', signal);
    await expect(one.save(rollout, 'three', signal)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await one.load(rollout, signal)).toBe('two');
    await one.save(rollout, 'three', signal);
    expect((await read('two-memory-slack'))['data']).toEqual({ memory: 'three' });
  });

  it('names fit, however long the name of the Rollout is', async () => {
    const name = 'a'.repeat(253);
    const { memory } = open();
    await memory.save({ namespace: NAMESPACE, name, uid: 'uid-1' }, 'one', signal);
    const other = { namespace: NAMESPACE, name: `${'a'.repeat(252)}b`, uid: 'uid-2' };
    expect(await memory.load(other, signal)).toBeUndefined();
  });

  it('what is gone with its namespace is not tried again', async () => {
    const { memory } = open();
    const rollout = { namespace: 'no-such-namespace', name: 'forecast', uid: 'uid-1' };
    expect(await memory.load(rollout, signal)).toBeUndefined();
    await expect(memory.save(rollout, 'one', signal)).rejects.toMatchObject({ kind: 'refused' });
  });
});
