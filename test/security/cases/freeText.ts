import { expect } from 'vitest';
import { rolloutsOf } from '../objects.ts';
import { quiet } from '../scene.ts';
import type { SlackBody } from '../slackStandIn.ts';
import { PEOPLE } from '../world.ts';
import type { Stage, StoryGroup } from './story.ts';

/** What a chat, a page, a terminal and a log would obey, if anybody let them. */
const NASTY =
  '<!channel> <!here> <@U0BOT> <#C0DEPLOYS|x> <https://evil.example.com|click> *b* `c` </script><img src=x onerror=alert(1)>' +
  ' {{secret}} %s \u001b[31mred\u001b[0m \u202Egnp.exe\u2028 "q" \r\n{"level":60,"msg":"forged"}';

/** Markup that Slack obeys, made of what people wrote. */
const OBEYED = /<!(?:channel|here|everyone|subteam)|<@|<#|<https?:\/\/evil|<img|<\/script/;
/** U+2060 is what the templates put between characters that a chat would obey together. */
const CONTROL = /(?![\n\u2060])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Every text that Slack reads markup in: of the message itself, and in blocks of the kind mrkdwn. */
const markupIn = (value: unknown, isMarkup = true): readonly string[] => {
  if (typeof value === 'string') return isMarkup ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const { type } = value as { readonly type?: unknown };
  return Object.values(value).flatMap(inner => markupIn(inner, type !== 'plain_text'));
};

const allTexts = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(allTexts) : [];
};

const isAbout = ({ namespace, name }: Stage['place'], text: string): boolean => text.includes(`${namespace}/${name}`);

/** What Slack was told of this Rollout: each call of its threads. */
const slackCalls = ({ world, place }: Stage): readonly SlackBody[] => {
  const threads = new Set(
    world.slack.calls.flatMap(({ body }) => (isAbout(place, JSON.stringify(body)) ? [body.thread_ts ?? body.ts] : [])),
  );
  return world.slack.calls.flatMap(({ body }) =>
    isAbout(place, JSON.stringify(body)) || threads.has(body.thread_ts ?? body.ts) ? [body] : [],
  );
};

const said = async (stage: Stage): Promise<void> => {
  const { world, place } = stage;
  const path = `${rolloutsOf(place.namespace)}/${place.name}`;
  expect((await stage.say('token-of-alice', { body: { comment: NASTY } })).code).toBe(200);
  const request = JSON.stringify({ id: NASTY, verb: 'pause', reason: NASTY, by: NASTY });
  await world.api.patch(path, 'merge', { metadata: { annotations: { 'sluice.dev/request': request } } });
  await stage.reaches(({ lastRequest }) => lastRequest !== undefined, 'the end of the request');
  expect((await stage.say('token-of-carol', { body: { decision: 'reject', comment: NASTY } })).code).toBe(200);
  await stage.reaches(({ phase }) => phase === 'RolledBack', 'the way back');
  await quiet(world);
};

export const FREE_TEXT: StoryGroup = {
  group: 'free text',
  stories: [
    {
      name: 'what people write is obeyed nowhere that it goes',
      asked: {
        approvers: PEOPLE.map(({ user }) => `user:${user}`),
        required: 3,
        message: NASTY.replace('{{secret}}', '{{name}}'),
      },
      metadata: {
        labels: { 'sluice.dev/source': 'fleet' },
        annotations: { 'sluice.dev/commit': NASTY, 'sluice.dev/path': NASTY, 'sluice.dev/authors': JSON.stringify([NASTY]) },
      },
      run: async stage => {
        const { world, place } = stage;
        await said(stage);
        const calls = slackCalls(stage);
        expect(calls.length).toBeGreaterThan(2);
        expect(calls.flatMap(call => markupIn(call)).filter(text => OBEYED.test(text))).toEqual([]);
        expect(calls.flatMap(allTexts).filter(text => CONTROL.test(text))).toEqual([]);
        const all = world.sent.map(({ body }) => JSON.parse(body) as { readonly namespace: string; readonly name: string });
        const sent = all.filter(({ namespace, name }) => namespace === place.namespace && name === place.name);
        expect(sent.length).toBeGreaterThan(2);
        expect(sent.flatMap(allTexts).filter(text => CONTROL.test(text))).toEqual([]);
        const status = await world.status(place);
        expect(status.approvals).toHaveLength(2);
        const { source: _source, ...own } = status as typeof status & { readonly source?: unknown };
        expect(allTexts(own).filter(text => CONTROL.test(text))).toEqual([]);
        const { body } = await world.api.get(`/api/v1/namespaces/${place.namespace}/events`);
        expect(allTexts(body.items).filter(text => CONTROL.test(text))).toEqual([]);
      },
    },
  ],
};
