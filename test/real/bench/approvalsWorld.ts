import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bed } from '../bed/bed.ts';
import type { KubernetesObject } from '../bed/kubernetes.ts';
import { localUrl } from '../bed/layout.ts';
import { pidOf, startServer, stopServer } from '../bed/process.ts';
import { NODE } from '../bed/world.ts';
import { planController } from '../controllerProcess.ts';
import type { RolloutObject, Status } from '../story.ts';
import { SLACK } from './slackStandIn.ts';

/** Requests to the API server that are on their way at a time. */
const AT_ONCE = 8;
const APP = 'forecast';
const PORT = 3002;
const VERSIONS = ['v1', 'v2'];
const STOP_WITHIN_MS = 20_000;

/** Many Rollouts of one namespace: each has a Service and routing of its own, and all have the same two Pods. */
export interface Crowd {
  readonly namespace: string;
  readonly names: readonly string[];
  /** Merges into the Rollouts, a few at a time. */
  readonly change: (patch: (name: string) => object) => Promise<void>;
  /** Asks one of them to pause, in odd rounds to go on, and waits until that is acted on. */
  readonly request: (index: number, round: number) => Promise<void>;
  /** Waits until the status of each is like this. */
  readonly until: (what: string, is: (status: Status) => boolean) => Promise<void>;
}

/** Runs the work for each item, a few at a time. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function deployment(namespace: string, version: string): KubernetesObject {
  const labels = { app: APP, version };
  const containers = [{ name: APP, image: `example.com/${APP}:${version}`, ports: [{ containerPort: PORT }] }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${APP}-${version}`, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { nodeName: NODE, containers } },
    },
  };
}

function objectsOf(namespace: string, name: string, canary: unknown): readonly KubernetesObject[] {
  const metadata = { name, namespace };
  const istio = 'networking.istio.io/v1';
  const subsets = VERSIONS.map(version => ({ name: version, labels: { version } }));
  const route = [{ destination: { host: name, subset: 'v1' }, weight: 100 }];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: APP }, ports: [{ name: 'http', port: PORT, targetPort: PORT }] },
    },
    { apiVersion: istio, kind: 'DestinationRule', metadata, spec: { host: name, subsets } },
    { apiVersion: istio, kind: 'VirtualService', metadata, spec: { hosts: [name], http: [{ name: 'primary', route }] } },
    {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata,
      spec: { version: 'v1', strategy: { canary }, analysis: { gates: [] } },
    },
  ];
}

/** Makes them with all traffic on v1, and waits until all are adopted. */
export async function createCrowd(
  bed: Bed,
  namespace: string,
  { count, canary }: { count: number; canary: unknown },
): Promise<Crowd> {
  const names = Array.from({ length: count }, (_, index) => `r${index}`);
  await bed.kubernetes.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } } },
    ...VERSIONS.map(version => deployment(namespace, version)),
  );
  await forEach(names, name => bed.kubernetes.apply(...objectsOf(namespace, name, canary)));
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts`;
  const crowd: Crowd = {
    namespace,
    names,
    change: patch => forEach(names, name => bed.kubernetes.patch(`${path}/${name}`, patch(name))),
    until: (what, is) =>
      bed.until(`${what} of all in ${namespace}`, async () => {
        const { items } = await bed.kubernetes.get<{ items: readonly RolloutObject[] }>(path);
        const other = items.find(({ status }) => status === undefined || !is(status));
        if (other !== undefined) throw new Error(`${other.metadata.name}: ${other.status?.phase} ${other.status?.message}`);
        return items.length === count;
      }),
    request: async (index, round) => {
      const id = `${namespace}-${index}-${round}`;
      const verb = round % 2 === 0 ? 'pause' : 'resume';
      const annotations = { 'sluice.dev/request': JSON.stringify({ id, verb, by: 'bench' }) };
      await bed.kubernetes.patch(`${path}/${names[index]}`, { metadata: { annotations } });
      const status = async () => (await bed.kubernetes.get<RolloutObject>(`${path}/${names[index]}`)).status;
      // the request itself is asked for in status, which has its id
      for (const untilMs = Date.now() + 30_000; (await status())?.lastRequest?.id !== id; )
        if (Date.now() > untilMs) throw new Error(`waiting for ${verb} of ${namespace}/${names[index]}: not within 30 s`);
    },
  };
  return crowd;
}

/** A controller that tells Slack of one namespace, and takes presses. */
export interface ChattyController {
  readonly url: string;
  readonly hooksUrl: string;
  /** Processor time that it has used so far, which a busy machine does not change much. */
  readonly cpuMs: () => number;
  readonly stop: () => Promise<void>;
}

/** Of Linux, whose ticks are hundredths of a second. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return (user + system) * 10;
}

/** Starts it on the `place`-th pair of ports; `slackUrl` is where it finds Slack. */
export async function startChatty(
  bed: Bed,
  crowd: string,
  options: { place: number; slackUrl: string; kubeconfig: string },
): Promise<ChattyController> {
  const port = bed.ports.otherController + 1 + 2 * options.place;
  const files = { tokenFile: join(bed.directory, 'slack-token'), signingSecretFile: join(bed.directory, 'slack-signing-secret') };
  await writeFile(files.tokenFile, SLACK.token);
  await writeFile(files.signingSecretFile, SLACK.signingSecret);
  const hooks = localUrl(port + 1).replace('http://', '');
  const more = {
    server: { hooks },
    providers: {},
    notify: { slack: { ...files, channel: '#bench', apiUrl: options.slackUrl } },
  };
  const settings = {
    kubeconfig: options.kubeconfig,
    namespaces: [crowd],
    leaderElection: false,
    nodeOptions: [],
    more,
  };
  await startServer(bed.directory, await planController(bed, `chatty-${crowd}`, port, settings));
  return {
    url: localUrl(port),
    hooksUrl: `http://${hooks}/hooks/slack`,
    cpuMs: () => cpuMsOf(pidOf(bed.directory, `chatty-${crowd}`)),
    stop: () => stopServer(bed.directory, `chatty-${crowd}`, STOP_WITHIN_MS),
  };
}
