import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { RolloutStatus } from '../../src/rollout/index.ts';
import { until } from '../sandbox/client.ts';
import { ALICE, answerByApi, answerByWebhook, BOB, MALLORY, openRoom, type Room } from './chatSide.ts';
import { type App, openWorld, type World } from './world.ts';

/** People answer by each channel, and the traffic does what they say. */

const TOKENS = { alice: 'token-of-alice', mallory: 'token-of-mallory' };
const WEBHOOK_SECRET = 'sesame of the change board';

/** The example, with members of the chat of the sandbox. */
const example = (file: string) => {
  const text = readFileSync(resolve(import.meta.dirname, '../../examples/approvals', file), 'utf8');
  return parse(text.replaceAll('U024BE7LH', ALICE).replaceAll('U061F7AUR', BOB));
};

let world: World;
let controller: Awaited<ReturnType<World['controller']>>;
let config: object;

const startController = async (): Promise<void> => {
  controller = await world.controller({ config });
  world.sandbox.control.chat.workspace.configure({ interactivityUrl: `http://${controller.hooks}/hooks/slack` });
};

beforeAll(async () => {
  world = await openWorld();
  const { control, urls } = world.sandbox;
  const file = async (name: string, text: string) => {
    const path = join(world.folder, name);
    await writeFile(path, text);
    return path;
  };
  const { token, signingSecret } = control.chat.workspace.settings();
  config = {
    people: example('sluice.yaml').people,
    notify: {
      slack: {
        tokenFile: await file('bot-token', token),
        signingSecretFile: await file('signing-secret', signingSecret),
        channel: '#deploys',
        apiUrl: `${urls.chat}/api`,
      },
    },
    approvals: { webhooks: [{ name: 'change-board', secretFile: await file('webhook-secret', WEBHOOK_SECRET) }] },
  };
  for (const [name, may] of [['alice', [{ verb: 'approve' }]] as const, ['mallory', []] as const])
    control.setPerson({ token: TOKENS[name], user: `${name}@example.com`, groups: [], may });
  await startController();
});
afterAll(() => world.close());

type Case = { readonly app: App; readonly room: Room; readonly asked: RolloutStatus };

const APPROVERS = [`slack:${ALICE}`, `slack:${BOB}`];
const SHARE = 60;

const specOf = (namespace: string, approval: object) => ({
  strategy: {
    canary: {
      steps: [
        { setWeight: 30, pause: { duration: '1s' } },
        { setWeight: SHARE, approval: { approvers: APPROVERS, ...approval } },
      ],
    },
  },
  analysis: {
    interval: '1s',
    gates: [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: 10 }],
  },
  notify: { slack: `#${namespace}` },
});

const isAsked = ({ phase, canaryVersion }: RolloutStatus, version = 'v2'): boolean =>
  phase === 'AwaitingApproval' && canaryVersion === version;

/** v1 runs, v2 waits for people at 30 %. */
const ask = async (namespace: string, approval: object = {}, metadata: object = {}): Promise<Case> => {
  const room = openRoom(world.sandbox, namespace);
  const app = await world.app(namespace, { versions: ['v1', 'v2', 'v3'] });
  await app.roll('v1', specOf(namespace, approval));
  await app.reaches(({ phase }) => phase === 'Healthy', 'adoption');
  await app.change({ metadata, spec: { version: 'v2' } });
  return { app, room, asked: await app.reaches(status => isAsked(status), 'the question') };
};

const weightOf = (
  object: { spec: { http: { route: { destination: { subset?: string }; weight?: number }[] }[] } },
  version: string,
) => object.spec.http[0]?.route.find(({ destination }) => destination.subset === version)?.weight ?? 0;

/** How long it takes from the answer to a weight in the mesh; told, as it depends on the machine. */
const timed = async ({ app }: Case, share: number, answer: () => Promise<unknown>): Promise<void> => {
  const services = `/apis/networking.istio.io/v1/namespaces/${app.namespace}/virtualservices`;
  const reached = world.api
    .watch(
      `${services}?watch=1&fieldSelector=metadata.name%3Dforecast`,
      events => weightOf(events.at(-1)?.object, 'v2') === share,
    )
    .then(() => performance.now());
  const startMs = performance.now();
  await answer();
  const stored = app.reaches(status => bys(status).length > 0 && (status.traffic?.weight ?? 0) === share, `${share} %`);
  const [endMs] = await Promise.all([reached, stored]);
  console.log(`${app.namespace}: ${Math.round(endMs - startMs)} ms from the answer to ${share} %`);
};

/** What is posted between two writes of what is remembered may be posted again; this waits until it is remembered. */
const remembered = async (namespace: string, ts: string): Promise<void> => {
  const maps = `/api/v1/namespaces/${namespace}/configmaps`;
  await until(async () => JSON.stringify((await world.api.get(maps)).body).includes(ts) || undefined, 'what Sluice remembers');
};

const apiUrl = ({ app: { namespace } }: Case) => `http://${controller.address}/api/v1/rollouts/${namespace}/forecast/approvals`;
const answerOf = ({ asked: { revision } }: Case, decision = 'approve') => ({ decision, revision, step: 2 });
const isPromoted = ({ phase, stableVersion }: RolloutStatus): boolean => phase === 'Healthy' && stableVersion === 'v2';
const bys = ({ approvals = [] }: RolloutStatus) => approvals.map(({ by, via, decision }) => `${by} ${via} ${decision}`);

describe('people answer', () => {
  it.concurrent('R19: two people, as in the example; one by two channels counts once, one who is listed as a user presses', async () => {
    const [, { approval }] = example('rollout.yaml').spec.strategy.canary.steps;
    expect(approval).toMatchObject({
      required: 2,
      approvers: [`slack:${ALICE}`, 'user:bob@example.com', 'group:release', 'webhook:change-board'],
    });
    const asking = await ask('two-of-two', approval);
    const { app, room } = asking;
    expect((await room.question()).text).toContain('0 of 2');
    expect(await room.press(ALICE, 'approve')).toBe(200);
    await room.says(/1 of 2: alice/);
    expect(await answerByApi(apiUrl(asking), TOKENS.alice, answerOf(asking))).toMatchObject({ status: 409 });
    expect(await room.press(ALICE, 'approve')).toBe(200);
    expect(await room.whispered(ALICE, /answered already/)).toContain('did not count');
    expect(bys((await app.status()) ?? ({} as RolloutStatus))).toEqual(['alice slack approved']);
    expect((await app.weights())['v2']).toBe(30);
    await timed(asking, SHARE, async () => expect(await room.press(BOB, 'approve')).toBe(200));
    await room.tidy();
    await app.reaches(isPromoted, 'the end');
    expect(room.threads()).toBe(2);
  });

  it.concurrent('R19: one rejection in Slack puts everything back', async () => {
    const asking = await ask('rejected', { required: 2 });
    const { app, room } = asking;
    await room.press(ALICE, 'approve');
    await timed(asking, 0, () => room.press(BOB, 'reject'));
    await app.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
    expect(await app.weights()).toEqual({ v1: 100, v2: 0 });
    await room.tidy();
    await room.says(/rejected by bob/i);
  });

  it.concurrent('R19: authors of the change and people who are not asked hear why they do not count', async () => {
    const metadata = {
      labels: { 'sluice.dev/source': 'fleet' },
      annotations: { 'sluice.dev/commit': 'main@sha1:9f3c', 'sluice.dev/authors': '["Alice","ALICE@example.com"]' },
    };
    const asking = await ask('author', {}, metadata);
    const { app, room } = asking;
    expect(await room.press(ALICE, 'approve')).toBe(200);
    expect(await room.whispered(ALICE, /author of the change/)).toContain('alice');
    expect(await room.press(MALLORY, 'reject')).toBe(200);
    await room.whispered(MALLORY, /none of/);
    const status = await app.status();
    expect(status).toMatchObject({ phase: 'AwaitingApproval' });
    expect(status?.approvals ?? []).toEqual([]);
    await timed(asking, SHARE, () => room.press(BOB, 'approve'));
    await room.tidy();
  });

  it.concurrent('R19: another program answers by a signed webhook', async () => {
    const asking = await ask('webhook', { approvers: ['webhook:change-board'] });
    const url = `http://${controller.hooks}/hooks/approvals/change-board`;
    const answer = { ...answerOf(asking), namespace: 'webhook', name: 'forecast', comment: 'CHG-1' };
    expect((await answerByWebhook(url, 'guessed', answer)).status).toBe(401);
    await timed(asking, SHARE, async () => expect((await answerByWebhook(url, WEBHOOK_SECRET, answer)).status).toBe(200));
    const { approvals } = await asking.app.reaches(isPromoted, 'the end');
    expect(approvals).toMatchObject([{ by: 'webhook:change-board', comment: 'CHG-1' }]);
    await asking.room.tidy();
  });

  it.concurrent('R19: whoever has the right answers by the HTTP API with a token', async () => {
    const asking = await ask('token', { approvers: ['user:alice@example.com', 'user:mallory@example.com'] });
    expect((await answerByApi(apiUrl(asking), 'token-of-nobody', answerOf(asking))).status).toBe(401);
    expect((await answerByApi(apiUrl(asking), TOKENS.mallory, answerOf(asking))).status).toBe(403);
    const stale = { ...answerOf(asking), revision: '00000000' };
    expect((await answerByApi(apiUrl(asking), TOKENS.alice, stale)).status).toBe(409);
    await timed(asking, SHARE, async () => {
      const { status, body } = await answerByApi(apiUrl(asking), TOKENS.alice, answerOf(asking));
      expect({ status, body: JSON.parse(body) }).toMatchObject({ status: 200, body: { by: 'alice', decision: 'approved' } });
    });
    await asking.room.tidy();
  });

  it.concurrent('R9, R19: a newer version is asked about anew; what was said of the one before is void', async () => {
    const { app, room } = await ask('replaced', { required: 2 });
    await room.press(ALICE, 'approve');
    const first = await room.question();
    await app.change({ spec: { version: 'v3' } });
    const { approvals } = await app.reaches(status => isAsked(status, 'v3'), 'the next question');
    expect(approvals ?? []).toEqual([]);
    await room.asksAnew(first.ts);
    expect((await app.weights())['v2'] ?? 0).toBe(0);
    await room.press(BOB, 'approve');
    await room.press(ALICE, 'approve');
    await app.reaches(({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v3', 'the end');
    await room.tidy();
  });
});

describe('what comes in between', () => {
  it('R4, R19: buttons work and go after Sluice was killed while people were asked', async () => {
    const asking = await ask('killed');
    const { ts } = await asking.room.question();
    await remembered('killed', ts);
    controller.signal('SIGKILL');
    await controller.ended;
    await startController();
    expect((await asking.room.question()).ts).toBe(ts);
    await timed(asking, SHARE, () => asking.room.press(BOB, 'approve'));
    await asking.app.reaches(isPromoted, 'the end');
    await asking.room.tidy();
  });

  it('R35: a chat that hangs all the time delays nothing, and its question has no buttons when it is back', async () => {
    const { control } = world.sandbox;
    await control.setOutage('chat', 'hang');
    const asking = await ask('away', { approvers: ['user:alice@example.com'] });
    await timed(asking, SHARE, () => answerByApi(apiUrl(asking), TOKENS.alice, answerOf(asking)));
    await asking.app.reaches(isPromoted, 'the end');
    const metrics = await (await fetch(`http://${controller.address}/metrics`)).text();
    const [, waiting] = /^sluice_notifications_waiting\{receiver="slack"\} (\d+)$/m.exec(metrics) ?? [];
    expect(Number(waiting)).toBeGreaterThan(1);
    await control.setOutage('chat', 'ok');
    await asking.room.says(/stable/);
    await asking.room.tidy();
  });
});
