import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { openBed } from './bed/bed.ts';
import { run } from './bed/command.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { applyTo } from './plots.ts';
import { openStory, type Status, type Story, type VirtualService } from './story.ts';

const bed = openBed(inject('bedDirectory'));

/** As often as impatient settings of Argo CD and Flux have it. */
const EVERY_MS = 2_000;
const FLUX = 'kustomize-controller';
const ARGO = 'argocd-controller';

const JASON = { match: [{ headers: { 'end-user': { exact: 'jason' } } }] };
const HALF = { steps: [{ setWeight: 50, setHeaderRoute: JASON, pause: {} }] };
const TWO_STEPS = {
  steps: [
    { setWeight: 20, setHeaderRoute: JASON, pause: { duration: '4s' } },
    { setWeight: 50, pause: { duration: '4s' } },
  ],
};

type File = { readonly spec: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>;

/** What Git says of the VirtualService: all on v1, and a label that changes with each commit. */
function fileOf({ world }: Story, commit: number): File {
  const { namespace, host } = world;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'forecast', namespace, labels: { commit: String(commit) } },
    spec: {
      hosts: ['forecast', host],
      gateways: ['mesh', 'weather-gateway'],
      http: [{ name: 'primary', route: [{ destination: { host: 'forecast', subset: 'v1' }, weight: 100 }] }],
    },
  };
}

/** What is left of it for a tool that ignores `/spec/http`. */
function withoutHttp({ spec: { http: _, ...spec }, ...file }: File): File {
  return { ...file, spec };
}

/** Server-side apply with force, as Flux does it. */
async function applyAsFlux({ world }: Story, file: File): Promise<void> {
  const path = `${world.virtualService}?fieldManager=${FLUX}&force=true`;
  await bed.kubernetes.request('PATCH', path, file, 'application/apply-patch+yaml');
}

/** Client-side apply with a three-way merge, as Argo CD does it by default, and people with kubectl. */
async function applyAs(manager: string, { world }: Story, file: File): Promise<void> {
  const path = join(bed.directory, `${world.namespace}-${manager}.yaml`);
  await writeFile(path, stringify(file));
  await run(bed.kubectl, ['--kubeconfig', bed.kubeconfig, 'apply', `--field-manager=${manager}`, '--filename', path]);
}

/** What Argo CD applies with RespectIgnoreDifferences=true: the ignored list as it was read just before. */
async function applyRespectfully(story: Story, file: File): Promise<void> {
  const { spec } = await bed.kubernetes.get<VirtualService>(story.world.virtualService);
  await applyAs(ARGO, story, { ...file, spec: { ...file.spec, http: spec.http } });
}

/** Applies again and again, until it is stopped; commits come with each second time. */
function reapply(apply: (commit: number) => Promise<void>) {
  let isOver = false;
  let times = 0;
  const loop = async () => {
    while (!isOver) {
      const dueMs = Date.now() + EVERY_MS;
      await apply(Math.ceil(times / 2));
      times += 1;
      await bed.until('the next time to apply', async () => isOver || Date.now() >= dueMs);
    }
  };
  const looping = loop();
  looping.catch(() => {
    // whoever stops it is told
  });
  return {
    times: () => times,
    stop: async () => {
      isOver = true;
      await looping;
    },
  };
}

// side by side: each story waits most of the time
describe.runIf(bed.has('envoy', 'prometheus')).concurrent('a second field manager that applies its file every 2 s', () => {
  let controller: ControllerProcess;
  const stories: Story[] = [];

  beforeAll(async () => {
    const kubeconfig = await installSluice(bed);
    controller = await startController(bed, { kubeconfig, port: 'controller', namespaces: [], leaderElection: false });
  });

  afterAll(async () => {
    await Promise.all(stories.map(story => story.close()));
    await controller?.stop();
  });

  const open = async (namespace: string, canary: unknown): Promise<Story> => {
    const options = { versions: ['v1', 'v2'], replicas: 1, gates: [], ratePerSecond: 15, interval: '1s' };
    const story = await openStory(bed, applyTo(bed), { namespace, canary, ...options });
    stories.push(story);
    return story;
  };
  const isStable = ({ phase, stableVersion }: Status) => phase === 'Healthy' && stableVersion === 'v2';
  const isHeld = ({ reason }: Status) => reason === 'Drift';
  const timesOf = (story: Story, weights: string) => story.splits().filter(split => split.weights === weights).length;
  const routesOf = async (story: Story) => (await bed.kubernetes.get<VirtualService>(story.world.virtualService)).spec.http;
  const managersOf = ({ meshes }: Story): readonly string[] => {
    const fields = (meshes.at(-1)?.object.metadata['managedFields'] ?? []) as readonly {
      readonly manager: string;
      readonly fieldsV1: { readonly 'f:spec'?: { readonly 'f:http'?: unknown } };
    }[];
    return fields.filter(({ fieldsV1 }) => fieldsV1['f:spec']?.['f:http'] !== undefined).map(({ manager }) => manager);
  };

  it('R26, R28: the whole file over a step with a header route: restored five times, then held with what helps in Flux', async () => {
    const story = await open('flux-whole', HALF);
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50');
    const tool = reapply(commit => applyAsFlux(story, fileOf(story, commit)));
    const held = await story.until('it to be held', isHeld);
    await tool.stop();
    expect(held.message).toMatch(/kustomize-controller changed the weights.*let Flux leave this VirtualService alone/);
    expect(timesOf(story, 'v1:50 v2:50')).toBe(6);
    expect((await routesOf(story)).map(({ name }) => name)).toEqual(['primary']);
    // the tool leaves the object alone from now on, and a person says go on
    await story.kubectl('annotate', 'rollout', 'forecast', 'sluice.dev/request={"id":"on","verb":"resume"}');
    await story.untilSplit('v1:50 v2:50');
    const routes = await routesOf(story);
    expect(routes.length).toBeGreaterThan(1);
    expect(routes[0]?.name).toMatch(/^sluice-forecast-/);
    expect((await story.load.stop()).failed).toBe(0);
  });

  it('R26: the whole file over a promoted version: restored five times, then held with what helps in Argo CD', async () => {
    const story = await open('argo-whole', { steps: [{ setWeight: 50 }] });
    await story.commit('v2');
    await story.until('the end', isStable);
    const tool = reapply(commit => applyAs(ARGO, story, fileOf(story, commit)));
    const held = await story.until('it to be held', isHeld);
    await tool.stop();
    expect(held.message).toMatch(/argocd-controller changed the weights.*RespectIgnoreDifferences=true/);
    expect(timesOf(story, 'v2:100')).toBe(6);
    expect((await story.load.stop()).failed).toBe(0);
  });

  it('R26, R27: a DestinationRule without the new subset: put back five times, then all traffic goes back', async () => {
    const story = await open('flux-rule', HALF);
    const { namespace, destinationRule } = story.world;
    const file = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'forecast-dr', namespace },
      spec: { host: 'forecast', subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
    };
    const query = `${destinationRule}?fieldManager=${FLUX}&force=true`;
    const apply = () => bed.kubernetes.request('PATCH', query, file, 'application/apply-patch+yaml');
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50');
    const tool = reapply(async () => void (await apply()));
    const back = await story.until('the end', ({ phase }) => phase === 'RolledBack');
    await tool.stop();
    expect(back.reason).toBe('SubsetRemoved');
    expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:50 v2:50', 'v1:100']);
    const { requests, failed } = await story.load.stop();
    console.info(`reapplier: ${failed} of ${requests} requests failed while the subset was taken away ${tool.times()} times`);
  });

  it('R26: a person who applies a file is no such tool: held at once, by name', async () => {
    const story = await open('by-kubectl', HALF);
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50');
    await applyAs('kubectl-client-side-apply', story, fileOf(story, 1));
    const held = await story.until('it to be held', isHeld);
    expect(held.message).toMatch(/kubectl-client-side-apply changed the weights/);
    expect(timesOf(story, 'v1:50 v2:50')).toBe(1);
  });

  it('R27: a file without spec.http, as Flux applies it when that is ignored, changes nothing and is never noticed', async () => {
    const story = await open('flux-ignores', TWO_STEPS);
    await applyAsFlux(story, fileOf(story, 0));
    await story.commit('v2');
    await story.untilSplit('v1:80 v2:20');
    expect(managersOf(story)).toEqual(['sluice']);
    const tool = reapply(commit => applyAsFlux(story, withoutHttp(fileOf(story, commit))));
    await story.until('the end', isStable);
    await bed.until('two more times', async () => tool.times() > 5);
    await tool.stop();
    expect(story.splits().map(({ weights }) => weights)).toEqual(['v1:100', 'v1:80 v2:20', 'v1:50 v2:50', 'v2:100']);
    expect((await story.status())?.reason).not.toBe('DriftRestored');
    expect((await story.load.stop()).failed).toBe(0);
  });

  it('R27: the list as it was read, as Argo CD applies it when it respects ignored differences, changes nothing', async () => {
    const story = await open('argo-respects', TWO_STEPS);
    await applyAs(ARGO, story, fileOf(story, 0));
    const tool = reapply(commit => applyRespectfully(story, fileOf(story, commit)));
    await story.commit('v2');
    await story.until('the end', isStable);
    await tool.stop();
    // what is read just before a write of ours and applied just after it takes that write back: it is restored
    const weights = story.splits().map(split => split.weights);
    expect(weights.filter((one, index) => weights.indexOf(one) === index)).toEqual([
      'v1:100',
      'v1:80 v2:20',
      'v1:50 v2:50',
      'v2:100',
    ]);
    expect((await story.load.stop()).failed).toBe(0);
  });

  it('a file without spec.http of the only one that owned it is refused by istiod, and nothing is lost', async () => {
    const story = await open('flux-too-early', HALF);
    // the world was made by another manager: Flux has everything, and nobody else
    await applyAsFlux(story, fileOf(story, 0));
    await bed.kubernetes.request(
      'PATCH',
      `${story.world.virtualService}?fieldManager=bed&force=true`,
      { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'forecast' } },
      'application/apply-patch+yaml',
    );
    await expect(applyAsFlux(story, withoutHttp(fileOf(story, 1)))).rejects.toThrow(/admission webhook.*http, tcp or tls/s);
    // as docs/gitops.md has it: a second owner, before Flux leaves the list out
    await bed.kubernetes.request(
      'PATCH',
      `${story.world.virtualService}?fieldManager=sluice-beside-flux`,
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'forecast' },
        spec: { http: await routesOf(story) },
      },
      'application/apply-patch+yaml',
    );
    await applyAsFlux(story, withoutHttp(fileOf(story, 1)));
    expect(await routesOf(story)).toHaveLength(1);
    await story.commit('v2');
    await story.untilSplit('v1:50 v2:50');
    expect(managersOf(story)).toEqual(['sluice']);
    expect((await story.load.stop()).failed).toBe(0);
  });
});
