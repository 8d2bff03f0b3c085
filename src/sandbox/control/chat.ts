import type { Chat } from '../chat/chat.ts';
import type { Channel, ChatSettings } from '../chat/workspace.ts';
import type { JsonObject } from '../kube/json.ts';
import { BadControl, flagIn, numberIn, optionalTextIn, textIn } from './fields.ts';

const DAY_MS = 86_400_000;

function settingsIn(body: JsonObject): Partial<ChatSettings> {
  const { error, interactivityUrl } = body;
  const limitedMs = numberIn(body, 'rateLimitedForMs', DAY_MS);
  if (interactivityUrl && !URL.canParse(String(interactivityUrl))) throw new BadControl('interactivityUrl: expected a URL');
  return {
    ...optionalTextIn(body, 'token'),
    ...optionalTextIn(body, 'signingSecret'),
    ...(interactivityUrl === '' ? { interactivityUrl } : optionalTextIn(body, 'interactivityUrl')),
    ...(error === '' ? { error } : optionalTextIn(body, 'error')),
    ...(limitedMs === undefined ? {} : { rateLimitedUntilMs: Date.now() + limitedMs }),
  };
}

function channelIn(body: JsonObject): { name: string } & Partial<Omit<Channel, 'id' | 'name'>> {
  const flags = (['isPrivate', 'hasBot', 'isArchived'] as const).flatMap(key => {
    const value = flagIn(body, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return { name: textIn(body, 'name').replace(/^#/, ''), ...Object.fromEntries(flags) };
}

/** Everything that was said, for tests; secrets stay out. */
function snapshot({ workspace, presses, calls, responseUrlUses }: Chat): object {
  const { team, appId, bot, members } = workspace;
  const messages = workspace.messages().map(message => ({ ...message, channelName: workspace.channel(message.channel)?.name }));
  const channels = workspace.channels();
  return {
    team,
    appId,
    bot,
    members,
    channels,
    messages,
    presses: presses(),
    calls: calls(),
    responseUrlUses: responseUrlUses(),
  };
}

/** What the control server does with the chat. */
export function chatActions(chat: Chat): { readonly [route: string]: (body: JsonObject) => unknown } {
  return {
    'GET /chat': () => snapshot(chat),
    'POST /chat': body => {
      const change = settingsIn(body);
      chat.workspace.configure(change);
      return { changed: Object.keys(change) };
    },
    'POST /chat/channels': body => chat.workspace.setChannel(channelIn(body)),
    'POST /chat/press': body =>
      chat.press({
        user: textIn(body, 'user'),
        channel: textIn(body, 'channel'),
        ts: textIn(body, 'ts'),
        action: textIn(body, 'action'),
      }),
    'DELETE /chat/messages': body => ({ removed: chat.workspace.remove(textIn(body, 'channel'), textIn(body, 'ts')) }),
  };
}
