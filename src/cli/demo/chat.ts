import type { DemoWorld } from './world.ts';
import { post } from './world.ts';

type Button = { readonly type: string; readonly action_id: string; readonly style?: string };
type Message = {
  readonly channel: string;
  readonly ts: string;
  readonly blocks: readonly { readonly type: string; readonly elements?: readonly Button[] }[];
};

/** A button in the inbox. */
export type Pressable = { readonly channel: string; readonly ts: string; readonly action: string };

/** The chat of the sandbox, by its control server. */
export type DemoChat = {
  /** Has presses go to Sluice. */
  connect(): Promise<void>;
  /** Buttons of all messages with this style, newest first. */
  buttons(style: 'primary' | 'danger'): Promise<readonly Pressable[]>;
  press(button: Pressable, user: string): Promise<void>;
};

/** The bot token and the signing secret that the chat of the sandbox has from the start. */
export const CHAT_SECRETS = { token: 'xoxb-sandbox', signingSecret: 'sandbox-signing-secret' };

export const createDemoChat = ({ control, hooks }: DemoWorld['urls']): DemoChat => {
  const messages = async (): Promise<readonly Message[]> => {
    const answer = await fetch(`${control}/chat`);
    return ((await answer.json()) as { readonly messages: readonly Message[] }).messages;
  };
  return {
    connect: () => post(`${control}/chat`, { interactivityUrl: hooks === undefined ? '' : `${hooks}/hooks/slack` }),
    buttons: async style =>
      (await messages())
        .flatMap(({ channel, ts, blocks }) =>
          blocks
            .flatMap(({ type, elements = [] }) => (type === 'actions' ? elements : []))
            .flatMap(button => (button.style === style ? [{ channel, ts, action: button.action_id }] : [])),
        )
        .reverse(),
    press: (button, user) => post(`${control}/chat/press`, { ...button, user }),
  };
};
