import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Logger as Pino, pino } from 'pino';
import { parse } from 'yaml';
import { readConfiguration } from '../../src/cli/configuration.ts';
import { type RunningController, runController } from '../../src/compose.ts';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { json, type Loopback, listen, type Received } from '../adapters/http/loopback.ts';
import { type CountingProxy, startCountingProxy } from '../e2e/countingProxy.ts';
import { created } from '../e2e/world.ts';
import { type ApiClient, apiClient, until } from '../sandbox/client.ts';
import { type Asked, namespaceObjects, rolloutObject, rolloutsOf, routingObjects, virtualServicesOf } from './objects.ts';
import { type SlackStandIn, startSlackStandIn } from './slackStandIn.ts';

/** Every secret of the world, each in a file of its own, and each easy to find where it must not be. */
export const SECRETS = {
  slackToken: 'xoxb-secret-of-the-bot',
  signing: 'secret-of-the-slack-signature',
  board: 'secret-of-the-change-board',
  audit: 'secret-of-the-second-board',
  push: 'secret-of-the-push-webhook',
  outgoing: 'secret-of-the-outgoing-webhook',
  gates: 'secret-of-the-webhook-gates',
  git: 'secret-of-the-git-server',
} as const;

export type SecretName = keyof typeof SECRETS;

export const PEOPLE = [
  { name: 'alice', slack: 'U0ALICE', user: 'alice@example.com', emails: ['alice@example.com', 'Alice.Writes@example.org'] },
  { name: 'bob', slack: 'U0BOB', user: 'bob@example.com', emails: ['bob@example.com'], groups: ['release'] },
  { name: 'carol', slack: 'U0CAROL', user: 'carol@example.com', emails: ['carol@example.com'] },
];

export type Place = { readonly namespace: string; readonly name: string };

/** What must be the same before and after what is refused. */
export type State = Readonly<Record<string, unknown>>;

/** Sluice itself, as `sluice controller` runs it, with the sandbox and stand-ins around it. */
export type SecurityWorld = {
  readonly sandbox: Sandbox;
  readonly api: ApiClient;
  readonly slack: SlackStandIn;
  /** What the outgoing webhook was sent. */
  readonly sent: readonly Received[];
  /** Requests that the Git server had. */
  readonly gitRequests: () => number;
  /** A server that presses name as the place to answer to, and what it was asked: nothing, ever. */
  readonly bait: { readonly url: string; readonly requests: readonly string[] };
  /** Where webhooks are received, and where the API is, as `host:port`. */
  readonly hooks: () => string;
  readonly server: () => string;
  /** Everything that was logged, one text for each line. */
  readonly log: readonly string[];
  /** What Sluice has written to the API server so far, as `PATCH /apis/...`. */
  writes(): readonly string[];
  writeSecret(name: SecretName, content: string): Promise<void>;
  /** Creates a Rollout with routing of its own. */
  roll(place: Place, approval: Asked, metadata?: object): Promise<void>;
  /** Its status once it fits. */
  reaches(place: Place, fits: (status: RolloutStatus) => boolean, what: string): Promise<RolloutStatus>;
  status(place: Place): Promise<RolloutStatus>;
  /** Of all Rollouts, by `namespace/name`. */
  statuses(): Promise<ReadonlyMap<string, RolloutStatus>>;
  /** All Rollouts and all routes. */
  state(): Promise<State>;
  /** Ends this process and starts another one, with other settings; `meanwhile` nobody looks. */
  restart(settings: object, meanwhile: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
};

export const NAMESPACES = ['meteo', 'market'] as const;

export const openSecurityWorld = async (settings: object): Promise<SecurityWorld> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-security-'));
  const sandbox = await startSandbox({ scenario: 'empty' });
  const api = apiClient(sandbox);
  await prepare(api);
  const [proxy, slack, around] = await Promise.all([startCountingProxy(sandbox, folder), startSlackStandIn(), startAround()]);
  await mkdir(join(folder, 'secrets'));
  const writeSecret = (name: SecretName, content: string) => writeFile(join(folder, 'secrets', name), content);
  for (const [name, content] of Object.entries(SECRETS)) await writeSecret(name as SecretName, content);
  const log: string[] = [];
  const start = async (more: object): Promise<RunningController> => {
    const file = join(folder, 'sluice.json');
    await writeFile(file, JSON.stringify({ ...settingsOf(join(folder, 'secrets'), slack, around), ...more }));
    const running = await runController(readConfiguration(file, {}), proxy.kubeconfigPath, loggerInto(log));
    await running.ready;
    return running;
  };
  let running = await start(settings);
  const status = async ({ namespace, name }: Place): Promise<RolloutStatus> =>
    (await api.get(`${rolloutsOf(namespace)}/${name}`)).body.status ?? {};
  return {
    sandbox,
    api,
    slack,
    sent: around.sent,
    gitRequests: () => around.git.length,
    bait: { url: around.bait.url, requests: around.baited },
    hooks: () => running.hooks ?? '',
    server: () => running.address,
    log,
    writes: () => writesOf(proxy),
    writeSecret,
    roll: async ({ namespace, name }, approval, metadata) => {
      for (const { path, body } of routingObjects(namespace, name)) await created(api, path, body);
      await created(api, rolloutsOf(namespace), rolloutObject(namespace, name, approval, metadata));
    },
    status,
    reaches: (place, fits, what) =>
      until(async () => {
        const found = await status(place);
        return fits(found) ? found : undefined;
      }, `${place.namespace}/${place.name}: ${what}`),
    statuses: async () => {
      const { items } = (await api.get('/apis/sluice.dev/v1alpha1/rollouts')).body;
      return new Map(
        (items as readonly StoredObject[]).map(({ metadata, status: of = {} }) => [
          `${metadata.namespace}/${metadata.name}`,
          of as RolloutStatus,
        ]),
      );
    },
    state: () => stateOf(api),
    restart: async (more, meanwhile) => {
      await running.stop();
      await meanwhile();
      running = await start(more);
    },
    close: async () => {
      await running.stop();
      await Promise.all([proxy.close(), slack.close(), around.close(), sandbox.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const prepare = async (api: ApiClient): Promise<void> => {
  const definition = await readFile(resolve(import.meta.dirname, '../../templates/crd/rollouts.sluice.dev.yaml'), 'utf8');
  await created(api, '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(definition));
  for (const namespace of NAMESPACES) for (const { path, body } of namespaceObjects(namespace)) await created(api, path, body);
};

type Around = {
  readonly receiver: Loopback;
  readonly sent: Received[];
  readonly gitServer: Loopback;
  readonly git: string[];
  readonly bait: Loopback;
  readonly baited: string[];
  close(): Promise<void>;
};

/** A receiver of messages, a Git server that lets nobody in, and a server that nobody should ask. */
const startAround = async (): Promise<Around> => {
  const sent: Received[] = [];
  const git: string[] = [];
  const receiver = await listen((received, response) => {
    sent.push(received);
    json(response, {});
  });
  const gitServer = await listen(({ url }, response) => {
    git.push(url.pathname);
    response.writeHead(403).end();
  });
  const baited: string[] = [];
  const bait = await listen(({ url }, response) => {
    baited.push(url.pathname);
    json(response, {});
  });
  const servers = [receiver, gitServer, bait];
  const close = async () => void (await Promise.all(servers.map(server => server.close())));
  return { receiver, sent, gitServer, git, bait, baited, close };
};

const settingsOf = (secrets: string, slack: SlackStandIn, { receiver, gitServer }: Around): object => {
  const file = (name: SecretName) => join(secrets, name);
  return {
    server: { listen: '127.0.0.1:0', hooks: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] },
    leaderElection: { enabled: false },
    people: PEOPLE,
    notify: {
      slack: {
        tokenFile: file('slackToken'),
        signingSecretFile: file('signing'),
        channel: '#deploys',
        apiUrl: slack.url,
      },
      webhooks: [{ name: 'archive', url: receiver.url, secretFile: file('outgoing') }],
    },
    approvals: {
      webhooks: [
        { name: 'change-board', secretFile: file('board') },
        { name: 'second-board', secretFile: file('audit') },
      ],
    },
    webhookGates: { allow: ['https://ci.example.com'], secretFile: file('gates') },
    sources: [
      {
        name: 'fleet',
        url: `${gitServer.url}/fleet.git`,
        namespaces: ['meteo'],
        schedule: '0 0 1 1 *',
        auth: { tokenFile: file('git') },
        push: { secretFile: file('push') },
      },
    ],
  };
};

const loggerInto = (log: string[]): Pino =>
  pino({ level: 'debug', base: null }, { write: (line: string) => void log.push(line.trimEnd()) });

/** Reviews and leases store nothing. */
const writesOf = ({ requests }: CountingProxy): readonly string[] =>
  requests.filter(request => /^(POST|PUT|PATCH|DELETE) /.test(request) && !/(reviews|leases\/\S*)$/.test(request));

const stateOf = async (api: ApiClient): Promise<State> => {
  const lists = await Promise.all([
    api.get('/apis/sluice.dev/v1alpha1/rollouts'),
    ...NAMESPACES.map(namespace => api.get(virtualServicesOf(namespace))),
  ]);
  return Object.fromEntries(
    lists.flatMap(({ body }) =>
      (body.items as readonly StoredObject[]).map(({ kind, metadata, spec, status = {} }) => [
        `${kind ?? body.kind} ${metadata.namespace}/${metadata.name}`,
        { resourceVersion: metadata.resourceVersion, annotations: metadata.annotations, spec, status },
      ]),
    ),
  );
};

type StoredObject = {
  readonly kind?: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly annotations?: object;
  };
  readonly spec: object;
  readonly status?: object;
};
