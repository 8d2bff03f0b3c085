import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtInTemplates } from '../../../src/adapters/templates/messageFiles.ts';
import { createMessageRenderer } from '../../../src/adapters/templates/messages.ts';
import { sampleMessages } from '../../../src/adapters/templates/samples.ts';
import { MESSAGE_KINDS } from '../../../src/rollout/index.ts';
import { type Chat, createChat } from '../../../src/sandbox/chat/chat.ts';
import { createLines } from '../kubernetes/quiet.ts';
import { ASKING, createMemory, createSubject, startProcess } from './rig.ts';

/** The same parts against the sandbox's chat, which refuses what Slack would refuse. */

let chat: Chat;
let url: string;
const server = createServer((request, response) => chat.listener(request, response));
beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  chat = createChat(() => url);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const start = (name: string) => {
  const subject = createSubject(name);
  const { token, signingSecret } = chat.workspace.settings();
  const sluice = startProcess({
    slack: { apiUrl: `${url}/api` },
    memory: createMemory().memory,
    subjects: [subject],
    token: () => token,
    secret: () => signingSecret,
    nowMs: () => Date.now(),
    render: createMessageRenderer({ builtIn: builtInTemplates(), overrides: {}, logger: createLines().logger }),
  });
  return { subject, ...sluice };
};

it('R35: takes every kind of message, also hostile and bare ones, as replies of one thread', async () => {
  const { subject, tell } = start('kinds');
  const { namespace, name, uid } = subject.message();
  const before = chat.workspace.messages().length;
  for (const kind of MESSAGE_KINDS)
    for (const { sample, message } of sampleMessages(kind))
      await tell({ ...message, id: `${kind}-${sample}`, namespace, name, uid, revision: 'r1', type: 'Warning' });
  const told = chat.workspace.messages().slice(before);
  expect(told.filter(({ threadTs }) => threadTs === undefined)).toHaveLength(1);
  expect(told.length).toBeGreaterThan(MESSAGE_KINDS.length);
  // nothing that anybody wrote calls a person or a channel
  expect(JSON.stringify(told.map(({ blocks, text }) => [blocks, text]))).not.toMatch(/<[!@#](?!date\^)/);
});

it('R19: a real press is read, and the person hears why it does not count', async () => {
  const { subject, tell, hook } = start('pressed');
  subject.set(ASKING);
  await tell(subject.message());
  const question = chat.workspace.messages().at(-1);
  const bodies: Buffer[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      const headers = Object.fromEntries(Object.entries(request.headers).map(([header, value]) => [header, [value].flat()]));
      hook.verify({ headers: headers as Record<string, string[]>, body: Buffer.concat(chunks) }).then(
        () => response.end(),
        () => response.writeHead(401).end(),
      );
    });
  });
  await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve));
  const address = receiver.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  chat.workspace.configure({ interactivityUrl: `http://127.0.0.1:${port}/hooks/slack` });
  const [alice] = chat.workspace.members;
  const place = { user: alice?.id ?? '', channel: question?.channel ?? '', ts: question?.ts ?? '' };
  const outcome = await chat.press({ ...place, action: 'sluice_approve' });
  receiver.close();
  expect(outcome).toMatchObject({ status: 200 });
  const request = {
    headers: { 'x-slack-request-timestamp': [String(Math.floor(Date.now() / 1000))] },
    body: bodies[0] ?? Buffer.of(),
  };
  expect(await hook.read(request)).toMatchObject({
    key: 'weather/pressed',
    decision: 'approved',
    identity: `slack:${place.user}`,
  });
  await hook.tell?.(request, { kind: 'refused', refusal: { kind: 'notAllowed', reason: 'alice is an author of the change' } });
  expect(chat.workspace.messages().at(-1)).toMatchObject({
    onlyFor: place.user,
    threadTs: question?.threadTs,
    text: 'Your press did not count: alice is an author of the change.',
  });
  subject.set({ revision: 'r2' });
  await hook.tell?.(request, { kind: 'unknown' });
  await tell(subject.message());
  expect(JSON.stringify(chat.workspace.find(place.channel, place.ts)?.blocks)).not.toContain('sluice_approve');
  expect(chat.responseUrlUses()).toBe(0);
});
