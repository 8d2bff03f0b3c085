import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Chat, createChat } from '../../../src/sandbox/chat/chat.ts';
import { send } from '../client.ts';

/** A chat on a port of its own. */
export interface OpenChat {
  readonly chat: Chat;
  readonly url: string;
  /** A call of the API as a bot makes it; answers with the body. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary wire bodies
  call(method: string, args: object): Promise<any>;
  close(): void;
}

/** Starts a chat on loopback. */
export async function openChat(): Promise<OpenChat> {
  let url = '';
  const chat = createChat(() => url);
  const server = createServer(chat.listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    chat,
    url,
    call: async (method, args) => (await send(`${url}/api/${method}`, jsonCall(args))).body,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A call with the token of the sandbox. */
export const jsonCall = (args: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json; charset=utf-8', authorization: 'Bearer xoxb-sandbox' },
  body: JSON.stringify(args),
});

export const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
export const button = (action_id: string, more: object = {}) => ({
  type: 'button',
  action_id,
  text: { type: 'plain_text', text: `Press ${action_id}` },
  value: `value of ${action_id}`,
  ...more,
});
export const actions = (...elements: object[]) => ({ type: 'actions', elements });
