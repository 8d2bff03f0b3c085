import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the player of the Pods reads of a Pod. */
export interface Pod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly spec: { readonly containers: readonly { readonly ports?: readonly { readonly containerPort: number }[] }[] };
  readonly status?: { readonly podIP?: string };
}

interface PodList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Pod[];
}

interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Pod;
}

export interface PodWatchOptions {
  readonly apiUrl: string;
  readonly caFile: string;
  readonly token: string;
}

export interface PodListener {
  /** All Pods there are: those not listed are gone. */
  readonly listed: (pods: readonly Pod[]) => void;
  readonly changed: (pod: Pod) => void;
  readonly deleted: (pod: Pod) => void;
}

const RETRY_MS = 250;
// the API server ends a watch after this time; a connection that died unnoticed is found then at the latest
const WATCH_SECONDS = 60;

/** Follows all Pods of the cluster for ever, also through outages of the API server. */
export async function watchPods(options: PodWatchOptions, listener: PodListener): Promise<never> {
  const agent = new https.Agent({ ca: readFileSync(options.caFile) });
  const get = (query: string, timeoutMs: number) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${options.token}` };
      https
        .get(`${options.apiUrl}/api/v1/pods${query}`, { agent, headers, signal: AbortSignal.timeout(timeoutMs) }, resolve)
        .on('error', reject);
    });
  for (;;) {
    try {
      const list = await readList(await get('', 10_000));
      listener.listed(list.items);
      const query = `?watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${list.metadata.resourceVersion}`;
      await follow(await get(query, (WATCH_SECONDS + 10) * 1_000), listener);
    } catch (error) {
      console.error(`watching Pods: ${error instanceof Error ? error.message : String(error)}`);
      await sleep(RETRY_MS);
    }
  }
}

async function readList(answer: IncomingMessage): Promise<PodList> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  if (answer.statusCode !== 200) throw new Error(`listing: status ${answer.statusCode}`);
  return JSON.parse(text) as PodList;
}

async function follow(answer: IncomingMessage, listener: PodListener): Promise<void> {
  let rest = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as PodEvent;
      if (event.type === 'ERROR') throw new Error(line);
      if (event.type === 'DELETED') listener.deleted(event.object);
      else if (event.type !== 'BOOKMARK') listener.changed(event.object);
    }
  }
}
