import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Press, type PressOutcome, type PressRecord, pressButton } from './press.ts';
import { createSite } from './site.ts';
import { type ChatCall, createWebApi } from './webApi.ts';
import { createWorkspace, type Workspace } from './workspace.ts';

/** A chat: an API for the app, and an inbox page for people. */
export interface Chat {
  readonly listener: RequestListener;
  readonly workspace: Workspace;
  /** Presses a button for a member; never throws. */
  press(press: Press): Promise<PressOutcome>;
  presses(): readonly PressRecord[];
  /** Calls of the API, oldest first. */
  calls(): readonly ChatCall[];
  /** How often somebody used the address that a press names for answers. */
  responseUrlUses(): number;
}

const MAX_KEPT = 1_000;

/** Creates a chat. `selfUrl` says where it is served. */
export function createChat(selfUrl: () => string): Chat {
  const workspace = createWorkspace(() => Date.now());
  const presses: PressRecord[] = [];
  const calls: ChatCall[] = [];
  let responseUrlUses = 0;
  const keep = <T>(list: T[], item: T) => void list.splice(0, list.push(item) - MAX_KEPT);
  const press = async (pressed: Press): Promise<PressOutcome> => {
    const record = await pressButton(pressed, workspace, selfUrl());
    keep(presses, record);
    return record.outcome;
  };
  const webApi = createWebApi(
    workspace,
    () => Date.now(),
    call => keep(calls, call),
  );
  const site = createSite({ workspace, presses }, press);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://chat');
    const [, method] = /^\/api\/([\w.]+)$/.exec(url.pathname) ?? [];
    if (method !== undefined) return webApi(method, request, response);
    if (request.method !== 'POST' || !url.pathname.startsWith('/actions/')) return site(request, response, url);
    responseUrlUses += 1;
    response.end('ok');
  };
  const listener: RequestListener = (request, response) =>
    void answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  return { listener, workspace, press, presses: () => presses, calls: () => calls, responseUrlUses: () => responseUrlUses };
}
