import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send, until } from '../sandbox/client.ts';
import { readEvents } from '../server/events.ts';
import type { Case, Scene } from './cases/case.ts';
import { GROUPS, STORIES } from './cases/groups.ts';
import { type Stage, stageOf, stillWaits } from './cases/story.ts';
import { TOKENS } from './cases/tokens.ts';
import { apiAnswer, press, push, signedAnswer } from './requests.ts';
import { aboutOf, buttonOf, openScene, quiet, waiting } from './scene.ts';
import { sendWire, type Wire, type WireAnswer } from './wire.ts';
import { openSecurityWorld, PEOPLE, type Place, SECRETS, type SecurityWorld, type State } from './world.ts';

/** What is tried against the whole program from outside, in one world. docs/security.md has each group. */

let world: SecurityWorld;
let scene: Scene;
let state: State;
let writes: number;
let pulls: number;
/** These take as long as the server is patient, so they begin first, side by side. */
const slow = new Map<Case, Promise<WireAnswer>>();

beforeAll(async () => {
  world = await openSecurityWorld({});
  scene = await openScene(world);
  state = await world.state();
  writes = world.writes().length;
  pulls = world.gitRequests();
  for (const one of GROUPS.find(({ group }) => group === 'slow requests')?.cases ?? []) slow.set(one, attempt(one));
});
afterAll(() => world?.close());

/** Everything that was answered. */
const answers: string[] = [];

let addresses = 0;

/** Each comes from an address of its own: what fails too often from one is not even looked at. */
const withAddress = (wire: Wire): Wire => {
  addresses += 1;
  return { ...wire, headers: [...wire.headers, ['x-forwarded-for', `198.18.${addresses >> 8}.${addresses & 255}`]] };
};

const attempt = async (one: Case): Promise<WireAnswer> => {
  const made = one.attempt(scene);
  if (!('path' in made)) return await made;
  const address = /^\/(?:api|dashboard)\//.test(made.path) ? world.server() : world.hooks();
  return await sendWire(address, withAddress(made));
};

/** How often Slack brought an answer that ended so. */
const counted = async (outcome: string): Promise<number> => {
  const { body } = await send(`http://${world.server()}/metrics`);
  const line = new RegExp(`^sluice_approvals_total\\{via="slack",outcome="${outcome}"\\} (\\d+)$`, 'm').exec(String(body));
  return Number(line?.[1] ?? 0);
};

const refused = async (one: Case): Promise<void> => {
  const before = one.outcome === undefined ? 0 : await counted(one.outcome);
  const answer = await (slow.get(one) ?? attempt(one));
  answers.push(answer.head, answer.body);
  expect(one.codes, `${answer.code} ${answer.body}`).toContain(answer.code);
  if (answer.body !== '' && answer.head.includes('application/problem+json'))
    expect(JSON.parse(answer.body)).toMatchObject({ status: answer.code });
  const { outcome } = one;
  if (outcome !== undefined)
    await until(async () => (await counted(outcome)) === before + 1 || undefined, `an answer of Slack that is ${outcome}`, 2_000);
};

describe.each(GROUPS)('$group', ({ cases }) => {
  it.each(cases.map(one => [one.name, one] as const))('R19: %s changes nothing', async (_, one) => {
    const before = { state, writes };
    try {
      await refused(one);
    } finally {
      // what one case changes is not held against the next one
      state = await world.state();
      writes = world.writes().length;
    }
    expect(state).toEqual(before.state);
    expect(world.writes().slice(before.writes)).toEqual([]);
  });
});

describe('after all that', () => {
  it('the Git server was asked nothing', () => {
    expect(world.gitRequests()).toBe(pulls);
  });

  it('R19: nothing waits to be stored: another look changes nothing', async () => {
    for (const { namespace, name } of [scene.victim, scene.other, scene.market])
      await world.api.patch(`/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/${name}`, 'merge', {
        metadata: { labels: { touched: 'yes' } },
      });
    await quiet(world);
    expect(world.writes().slice(writes)).toEqual([]);
  });

  it('R34: the right push wakes the source', async () => {
    expect((await sendWire(world.hooks(), push())).code).toBe(202);
    await until(() => world.gitRequests() > pulls || undefined, 'a look at Git');
  });

  it('nobody answers to an address that a press names', () => {
    expect(world.bait.requests).toEqual([]);
  });

  it('R22: the right request is carried out in the name of who sends it, and whoever looks on sees it', async () => {
    const headers = { authorization: 'Bearer token-for-other-verbs', 'content-type': 'application/json' };
    const api = `http://${world.server()}/api/v1`;
    const looking = readEvents(await fetch(`${api}/stream`, { headers }));
    expect(await looking.next()).toMatchObject({ event: 'lines' });
    const { namespace, name } = scene.other;
    const ask = (verb: string): Promise<Response> =>
      fetch(`${api}/rollouts/${namespace}/${name}/${verb}`, { method: 'POST', headers, body: '{"reason":"lunch"}' });
    const paused = await ask('pause');
    expect([paused.status, await paused.json()]).toEqual([200, { outcome: 'accepted: paused' }]);
    expect((await world.status(scene.other)).pause).toMatchObject({ by: 'ivan@example.com', reason: 'lunch' });
    expect(await looking.next()).toMatchObject({ event: 'line', data: { namespace, name, phase: 'Paused' } });
    expect((await ask('resume')).status).toBe(200);
    await looking.cancel();
  });

  it('R19: the right answers count, by all three ways', async () => {
    expect((await sendWire(world.hooks(), press(scene.button(scene.victim)))).code).toBe(200);
    await world.reaches(scene.victim, ({ approvals }) => approvals?.length === 1, 'the answer of Slack');
    const signed = await sendWire(world.hooks(), signedAnswer(scene.victim));
    expect([signed.code, signed.body]).toEqual([200, expect.stringContaining('change-board')]);
    const token = await sendWire(world.server(), apiAnswer(scene.victim, { token: 'token-of-carol' }));
    expect([token.code, token.body]).toEqual([200, expect.stringContaining('carol')]);
    const { approvals = [] } = await world.reaches(scene.victim, ({ phase }) => phase === 'Progressing', 'goes on');
    expect(approvals.map(({ by, via }) => [by, via])).toEqual([
      ['alice', 'slack'],
      ['webhook:change-board', 'webhook/change-board'],
      ['carol', 'api'],
    ]);
  });
});

const stories = STORIES.flatMap(({ stories: all }) => all).map((story, index) => {
  const place: Place = { namespace: 'meteo', name: `story-${index}` };
  return { ...story, place };
});

describe('of answers that may count', () => {
  beforeAll(async () => void (await waiting(world, stories)));

  describe.each(STORIES)('$group', ({ stories: all }) => {
    const placed = stories.filter(({ name }) => all.some(story => story.name === name));
    it.each(placed.map(story => [story.name, story] as const))('R19: %s', async (_, { place, run }) => {
      await run(stageOf(world, place, aboutOf(place, await world.status(place))));
    });
  });
});

describe('other settings', () => {
  const gone: Place = { namespace: 'meteo', name: 'gone' };
  const forged: Place = { namespace: 'meteo', name: 'forged' };
  const EVIL = { channel: 'C0EVIL', ts: '6.000100' };
  let stages: Readonly<Record<'gone' | 'forged', Stage>>;

  /** What is remembered of the messages of a Rollout, with another place for its question. */
  const forge = async (): Promise<void> => {
    const path = `/api/v1/namespaces/meteo/configmaps/${forged.name}-memory-slack`;
    const { memory } = (await world.api.get(path)).body.data as { readonly memory: string };
    const { channel, ts } = buttonOf(world, forged);
    const changed = memory.replaceAll(channel, EVIL.channel).replaceAll(ts, EVIL.ts);
    expect(changed).not.toBe(memory);
    expect((await world.api.patch(path, 'merge', { data: { memory: changed } })).code).toBe(200);
  };

  beforeAll(async () => {
    const approvers = ['user:alice@example.com', 'webhook:change-board', 'user:carol@example.com'];
    const asked = { approvers, required: 2 };
    const [ofGone, ofForged] = await waiting(
      world,
      [gone, forged].map(place => ({ place, asked })),
    );
    if (ofGone === undefined || ofForged === undefined) throw new Error('nobody is asked');
    const others = {
      server: { listen: '127.0.0.1:0', hooks: '127.0.0.1:0' },
      people: PEOPLE.filter(({ name }) => name !== 'alice'),
      approvals: { webhooks: [] },
    };
    await world.restart(others, forge);
    await quiet(world);
    stages = { gone: stageOf(world, gone, ofGone), forged: stageOf(world, forged, ofForged) };
  });

  it('R19: a person who was taken out of people is no approver any more', async () => {
    await stages.gone.press('U0ALICE');
    expect(await stages.gone.told('U0ALICE')).toContain('is none of');
    await stillWaits(stages.gone, []);
  });

  it('R19: a webhook that was taken out is not there any more', async () => {
    expect((await stages.gone.sign()).code).toBe(404);
    await stillWaits(stages.gone, []);
  });

  it('R19: a button does not count where a forged memory says that it stands', async () => {
    await sendWire(world.hooks(), press({ ...buttonOf(world, forged), ...EVIL }, { user: 'U0CAROL' }));
    expect(await stages.forged.told('U0CAROL')).toMatch(/does not stand in the message|nobody is asked/);
    expect(
      world.slack.calls.filter(({ method, body }) => method !== 'chat.postEphemeral' && body.channel === EVIL.channel),
    ).toEqual([]);
    await stillWaits(stages.forged, []);
  });

  it('without trusted proxies nobody chooses an address', async () => {
    const guesses = Array.from({ length: 60 }, (_, index) =>
      stages.gone.press('U0CAROL', { secret: 'guess', headers: { 'x-forwarded-for': `198.51.100.${index}` } }),
    );
    expect((await Promise.all(guesses)).map(({ code }) => code)).toContain(429);
    await stillWaits(stages.gone, []);
  });
});

describe('secrets', () => {
  const secrets = [...Object.values(SECRETS), ...TOKENS.map(({ token }) => token)];
  /** The secrets that stand in a text. */
  const leaked = (text: string): readonly string[] => secrets.filter(secret => text.includes(secret));

  it('are in no line of the log, and each line is one JSON object', () => {
    expect(world.log.length).toBeGreaterThan(100);
    expect(world.log.filter(line => !/^\{.*\}$/.test(line) || typeof JSON.parse(line) !== 'object')).toEqual([]);
    expect(world.log.filter(line => leaked(line).length > 0)).toEqual([]);
  });

  it('are in no answer, and in no metric', async () => {
    expect(answers.length).toBeGreaterThan(500);
    expect(answers.filter(answer => leaked(answer).length > 0)).toEqual([]);
    expect(leaked(String((await send(`http://${world.server()}/metrics`)).body))).toEqual([]);
  });

  it('are in nothing that is stored: statuses, routes, events, evidence, what is remembered of messages', async () => {
    const paths = [
      'apis/sluice.dev/v1alpha1/rollouts',
      'api/v1/configmaps',
      'api/v1/events',
      'apis/networking.istio.io/v1/virtualservices',
    ];
    const stored = await Promise.all(paths.map(path => world.api.get(`/${path}`)));
    for (const { body } of stored) {
      expect(body.items.length).toBeGreaterThan(2);
      expect(leaked(JSON.stringify(body))).toEqual([]);
      expect((body.items as readonly StoredBytes[]).flatMap(bytesIn).flatMap(leaked)).toEqual([]);
    }
  });

  it('are in nothing that is told to Slack or to webhooks', () => {
    expect(world.slack.calls.map(({ body }) => JSON.stringify(body)).flatMap(leaked)).toEqual([]);
    expect(world.sent.map(({ body, request }) => `${body} ${JSON.stringify(request.headers)}`).flatMap(leaked)).toEqual([]);
    expect(new Set(world.slack.calls.map(({ token }) => token))).toEqual(new Set([`Bearer ${SECRETS.slackToken}`]));
  });
});

type StoredBytes = { readonly binaryData?: Readonly<Record<string, string>> };

/** Evidence is stored compressed. */
const bytesIn = ({ binaryData = {} }: StoredBytes): readonly string[] =>
  Object.values(binaryData).map(base64 => {
    const bytes = Buffer.from(base64, 'base64');
    return (bytes.subarray(0, 2).toString('hex') === '1f8b' ? gunzipSync(bytes) : bytes).toString();
  });

describe('docs/security.md', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const [, section = ''] = page.split('## Attacks and what answers them');

  it('has every group of the suite, and no others', () => {
    const rows = (section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm);
    const groups = [...GROUPS, ...STORIES].map(({ group }) => group);
    expect([...rows].map(([, group]) => group)).toEqual([
      ...groups,
      'other settings',
      'secrets',
      'server-side requests',
      'templates',
    ]);
  });

  it('speaks of at least 120 cases, each with a name of its own in its group', () => {
    const names = [
      ...GROUPS.flatMap(({ group, cases }) => cases.map(({ name }) => `${group}: ${name}`)),
      ...STORIES.flatMap(({ group, stories: all }) => all.map(({ name }) => `${group}: ${name}`)),
    ];
    expect(names.length).toBeGreaterThanOrEqual(120);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
