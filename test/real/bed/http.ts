import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Certificate authority of the server, a PEM file. */
  readonly caFile?: string;
  /** Default: 10 s. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

const agents = new Map<string, http.Agent>();

function agentFor(url: string, caFile: string | undefined): http.Agent {
  const secure = url.startsWith('https:');
  const key = `${secure}${caFile ?? ''}`;
  let agent = agents.get(key);
  if (!agent) {
    const keep = { keepAlive: true, maxSockets: 64, timeout: 60_000 };
    agent = secure
      ? new https.Agent({ ...keep, ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }) })
      : new http.Agent(keep);
    agents.set(key, agent);
  }
  return agent;
}

/**
 * One HTTP request with any method and any Host header (`fetch` forbids that one), connections kept.
 * Resolves with every status; throws when there is no answer.
 */
export function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = (url.startsWith('https:') ? https : http).request(
      url,
      {
        method: options.method ?? 'GET',
        headers: { ...options.headers },
        agent: agentFor(url, options.caFile),
        signal: AbortSignal.timeout(options.timeoutMs ?? 10_000),
      },
      incoming => {
        let body = '';
        incoming.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        incoming.on('error', reject);
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** A request whose answer is JSON of shape T (not checked). Throws for every status but 2xx. */
export async function requestJson<T>(url: string, options: RequestOptions = {}): Promise<T> {
  const answer = await request(url, options);
  if (answer.status < 200 || answer.status > 299) {
    throw new Error(`requesting ${options.method ?? 'GET'} ${url}: status ${answer.status}: ${answer.body.slice(0, 500)}`);
  }
  return JSON.parse(answer.body) as T;
}
