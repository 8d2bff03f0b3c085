import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { kubeconfigText } from './bed/apiServer.ts';
import { openBed } from './bed/bed.ts';
import type { Fate, WatchStream } from './bench/countingProxy.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { type Cell, EXPIRED, refusal, startFaultyProxy, type Trouble } from './faultyProxy.ts';
import { installSluice, SLUICE_NAMESPACE } from './installed.ts';
import { createFleet, openStory, type Status, type Story } from './story.ts';
import { timelineOf } from './timeline.ts';

const bed = openBed(inject('bedDirectory'));
/** Every write of the mesh is one of weight and header route. */
const setHeaderRoute = { match: [{ headers: { 'end-user': { exact: 'jason' } } }] };
const CANARY = { steps: [{ setWeight: 50, setHeaderRoute, pause: {} }] };
const MESH = 'PATCH virtualservices';
const STATUS = 'PATCH rollouts/status';
/** Kinds of writes that a rollout and its way back consist of. */
const WRITES = [MESH, 'PATCH destinationrules', 'PATCH rollouts', STATUS, 'POST events', 'POST configmaps'];
const MANY_MS = 180_000;
/** A watch that says nothing for two minutes is taken for dead. */
const WATCHDOG_MS = 300_000;

/** The first tries of every kind of write fail like this. */
const first =
  (tries: number, fate: Fate): NonNullable<Trouble['onWrite']> =>
  (_what, nth) =>
    nth <= tries ? fate : 'passed';
const lostAnswer: Fate = { onAnswerKeptBack: () => {} };
const WEBHOOK = 'failed calling webhook "rev.validation.istio.io": context deadline exceeded';

/** How writes fail, by namespace. */
const FAILURES = {
  'fault-409': first(2, refusal(409, 'Conflict', 'the object has been modified')),
  'fault-422': first(2, refusal(422, 'Invalid', 'the server rejected our request due to an error in our request')),
  'fault-429': first(2, refusal(429, 'TooManyRequests', 'too many requests', { 'retry-after': '1' })),
  'fault-500': first(3, refusal(500, 'InternalError', 'etcdserver: request timed out')),
  'fault-webhook': first(3, refusal(500, 'InternalError', WEBHOOK)),
  'fault-504': first(2, refusal(504, 'Timeout', 'Timeout: request did not complete within the allotted timeout')),
  // each costs the time-out of a write
  'fault-unanswered': first(1, 'unanswered'),
  'fault-answer-lost': first(1, lostAnswer),
  'fault-broken': first(8, 'unsent'),
} as const satisfies Readonly<Record<string, Trouble['onWrite']>>;

const OTHERS = [
  'fault-only-mesh',
  'fault-only-mesh-silent',
  'fault-status',
  'fault-gone',
  'fault-dropped',
  'fault-stale',
  'fault-half-open',
] as const;
type Name = keyof typeof FAILURES | (typeof OTHERS)[number];
const FAILING = Object.keys(FAILURES) as (keyof typeof FAILURES)[];

describe.runIf(bed.has('envoy', 'prometheus', 'git')).concurrent('a controller whose requests fail', () => {
  let controller: ControllerProcess;
  let proxy: Awaited<ReturnType<typeof startFaultyProxy>>;
  let push: ReturnType<typeof createFleet>;
  const stories: Story[] = [];

  beforeAll(async () => {
    const namespaces = [...FAILING, ...OTHERS];
    const repository = await bed.createRepository('faults');
    push = createFleet(repository);
    await push('README.md', 'Rollouts whose requests fail\n');
    await installSluice(bed);
    proxy = await startFaultyProxy({ url: bed.apiUrl, caFile: bed.caFile }, namespaces);
    const kubeconfig = join(bed.directory, 'faults.kubeconfig');
    const token = await bed.serviceAccountToken(SLUICE_NAMESPACE, 'sluice');
    await writeFile(kubeconfig, kubeconfigText(proxy.url, bed.caFile, token), { mode: 0o600 });
    const place = { port: 'controller', namespaces, repositoryUrl: repository.url } as const;
    controller = await startController(bed, { kubeconfig, ...place, leaderElection: false });
  });

  afterAll(async () => {
    await Promise.all(stories.map(story => story.close()));
    await controller?.stop();
    await proxy?.close();
  });

  const open = async (namespace: Name, canary: unknown = CANARY): Promise<{ story: Story; cell: Cell }> => {
    const options = { versions: ['v1', 'v2'], replicas: 1, gates: [], ratePerSecond: 10 };
    const story = await openStory(bed, push, { namespace, canary, ...options });
    stories.push(story);
    return { story, cell: proxy.cellOf(namespace) };
  };
  const abort = (story: Story) =>
    story.kubectl('annotate', 'rollout', 'forecast', `sluice.dev/request=${JSON.stringify({ id: 'back', verb: 'abort' })}`);
  const isPaused = ({ phase }: Status) => phase === 'Paused';
  const isBack = ({ phase }: Status) => phase === 'RolledBack';
  const toHalf = async (story: Story) => {
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50', MANY_MS);
    await story.until('the step', isPaused, MANY_MS);
  };
  const back = async (story: Story) => {
    await story.untilSplit('v1:100', MANY_MS);
    await story.until('the end', isBack, MANY_MS);
  };
  /** One raise, one way back, and nothing twice. */
  const expectUndisturbed = async (story: Story, foreign: readonly string[] = []) => {
    const { failed } = await story.load.stop();
    const timeline = await timelineOf(story, { pauseMs: 0, foreign });
    expect(timeline).toMatchObject({ unexplained: [], phase: 'RolledBack', reason: 'Aborted', stableVersion: 'v1' });
    expect(timeline.history).toEqual(['adopted', 'started', 'rolledBack']);
    expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
    expect({ failed, writes: story.meshes.length - foreign.length }).toEqual({ failed: 0, writes: 3 });
  };

  it.each(FAILING)('R3, R23: %s: every kind of write, on the way up once and on the way back for good', async name => {
    const { story, cell } = await open(name);
    const onWrite = FAILURES[name];
    cell.reset({ onWrite });
    await toHalf(story);
    expect({ name, accepted: cell.accepted(MESH) }).toEqual({ name, accepted: 1 });
    await bed.until('every kind of write', async () => WRITES.every(what => cell.tried(what) > 0));
    cell.reset({ onWrite });
    await abort(story);
    await back(story);
    expect({ name, accepted: cell.accepted(MESH) }).toEqual({ name, accepted: 1 });
    await expectUndisturbed(story);
  });

  it.each([
    ['fault-only-mesh', refusal(500, 'InternalError', 'etcdserver: no leader')],
    ['fault-only-mesh-silent', 'unanswered'],
  ] as const)('R23: %s: goes back while no other write succeeds', async (name, fate) => {
    const { story, cell } = await open(name);
    await toHalf(story);
    cell.reset({ onWrite: what => (what === MESH ? 'passed' : fate) });
    await abort(story);
    await story.untilSplit('v1:100', MANY_MS);
    await bed.until('a status that is refused', async () => cell.tried(STATUS) > 0);
    expect(cell.accepted(STATUS)).toBe(0);
    cell.reset({});
    await back(story);
    await expectUndisturbed(story);
  });

  it('R3: fault-status: nothing is raised while the status is refused', async () => {
    const pauseMs = 3_000;
    const { story, cell } = await open('fault-status', { steps: [{ setWeight: 50, pause: { duration: `${pauseMs / 1000}s` } }] });
    const refused = refusal(500, 'InternalError', 'etcdserver: no leader');
    const onWrite = (what: string): Fate => (what === STATUS ? refused : 'passed');
    cell.reset({ onWrite });
    await story.commit('v2');
    await bed.until('statuses that are refused', async () => cell.tried(STATUS) >= 3);
    expect(cell.tried(MESH)).toBe(0);
    // the raise is not the first mesh write to come after the status
    cell.reset({ onWrite: what => (what === STATUS && cell.tried(MESH) > 0 ? refused : 'passed') });
    const half = await story.untilSplit('v1:50 v2:50');
    const refusals = () => cell.tried(STATUS);
    await bed.until('the end of the pause', async () => Date.now() > half.decidedAtMs + pauseMs);
    const before = refusals();
    await bed.until('statuses that are refused after the pause', async () => refusals() > before + 2);
    expect(cell.tried(MESH)).toBe(1);
    cell.reset({});
    await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');
    expect(story.meshes).toHaveLength(3);
    expect((await story.load.stop()).failed).toBe(0);
  });

  it.each([
    ['fault-gone', (stream: WatchStream) => stream.end(EXPIRED)],
    ['fault-dropped', (stream: WatchStream) => stream.drop()],
  ] as const)('R2, R23: %s: goes on when watches end, and when they are refused afterwards', async (name, end) => {
    const { story, cell } = await open(name);
    cell.reset({});
    cell.expire();
    for (const stream of cell.streams()) end(stream);
    await toHalf(story);
    cell.expire();
    for (const stream of cell.streams()) end(stream);
    await abort(story);
    await back(story);
    await expectUndisturbed(story);
  });

  it(
    'R2, R23: fault-half-open: notices that its watches say nothing any more, and goes back',
    async () => {
      const { story, cell } = await open('fault-half-open');
      await toHalf(story);
      for (const stream of cell.streams()) stream.hold();
      await abort(story);
      await story.untilSplit('v1:100', WATCHDOG_MS);
      await back(story);
      await expectUndisturbed(story);
    },
    WATCHDOG_MS + MANY_MS,
  );

  it('R2, R3, R23: fault-stale: raises once and goes back on an object that its watch has not told of', async () => {
    const { story, cell } = await open('fault-stale');
    const touch = async (value: string) => {
      const change = { metadata: { labels: { touched: value } } };
      const { metadata } = await bed.kubernetes.patch<{ metadata: { resourceVersion: string } }>(
        story.world.virtualService,
        change,
      );
      return metadata.resourceVersion;
    };
    cell.reset({ silent: ['virtualservices', 'destinationrules'] });
    const touched = [await touch('once')];
    await toHalf(story);
    touched.push(await touch('twice'));
    await abort(story);
    await story.untilSplit('v1:100', MANY_MS);
    expect(cell.accepted(MESH)).toBe(2);
    expect(cell.tried(MESH)).toBeGreaterThanOrEqual(4);
    await back(story);
    await expectUndisturbed(story, touched);
  });
});
