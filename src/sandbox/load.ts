import { Agent, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';

/** What the load generator saw in one second. */
interface LoadSecond {
  readonly at: number;
  requests: number;
  failed: number;
  readonly statuses: { [status: string]: number };
  readonly versions: { [version: string]: number };
}

/** What the load generator saw since its start; `seconds` are the last ten minutes, oldest first. */
export interface LoadStats {
  readonly rate: number;
  readonly requests: number;
  /** 5xx, 404 and connections that broke. */
  readonly failed: number;
  readonly statuses: { readonly [status: string]: number };
  readonly versions: { readonly [version: string]: number };
  /** Answers by kind of browser and version: who got what. */
  readonly agents: { readonly [agent: string]: { readonly [version: string]: number } };
  readonly seconds: readonly LoadSecond[];
}

/** What is asked for. */
export interface LoadTarget {
  readonly host: string;
  readonly path: string;
}

/** An open-loop load generator: it sends at its rate whatever the answers do, as long as there are not hundreds without one. */
export interface Load {
  setRate(ratePerSecond: number): void;
  setTarget(target: Partial<LoadTarget>): void;
  stats(): LoadStats;
  close(): void;
}

const KEPT_SECONDS = 600;
const TICK_MS = 10;
/** A machine that stands still must not run out of sockets when it goes on. */
const MOST_OPEN = 500;
/** The mix of callers, by a short name. */
const AGENTS: readonly (readonly [string, string])[] = [
  ['chrome', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'],
  ['firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0'],
  [
    'iphone',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1',
  ],
  ['curl', 'curl/8.9.1'],
];

/** Every so many requests come from the user jason, the others from user-1, user-2, ... */
const USERS = 97;

const emptySecond = (at: number): LoadSecond => ({ at, requests: 0, failed: 0, statuses: {}, versions: {} });

const count = (counts: { [key: string]: number }, key: string) => {
  counts[key] = (counts[key] ?? 0) + 1;
};

/** Starts to send GET requests for the target through the gateway. Rate 0 sends nothing. */
export function startLoad(gatewayUrl: string, firstTarget: LoadTarget, ratePerSecond: number): Load {
  const { hostname, port } = new URL(gatewayUrl);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 32 });
  const total = emptySecond(0);
  const seconds: LoadSecond[] = [];
  const agents: { [agent: string]: { [version: string]: number } } = {};
  let target = firstTarget;
  let rate = ratePerSecond;
  let owed = 0;
  let lastMs = performance.now();
  let sequence = 0;
  let open = 0;
  let isClosed = false;

  const note = (name: string, status: string, version: string) => {
    const perVersion = agents[name] ?? {};
    agents[name] = perVersion;
    count(perVersion, version || 'none');
    const at = Math.floor(Date.now() / 1000);
    if (seconds.at(-1)?.at !== at) seconds.push(emptySecond(at));
    if (seconds.length > KEPT_SECONDS) seconds.shift();
    for (const bucket of [total, seconds.at(-1) ?? total]) {
      bucket.requests += 1;
      if (status === 'broken' || status === '404' || status.startsWith('5')) bucket.failed += 1;
      count(bucket.statuses, status);
      count(bucket.versions, version || 'none');
    }
  };
  const send = (name: string, headers: OutgoingHttpHeaders) => {
    open += 1;
    const sent = httpRequest({ host: hostname, port, path: target.path, agent, headers }, response => {
      response.resume();
      response.on('end', () => note(name, String(response.statusCode), String(response.headers['x-version'] ?? '')));
      response.on('error', () => note(name, 'broken', ''));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // the other side closes idle connections at any moment; callers send such a request again
      if (sent.reusedSocket && error.code === 'ECONNRESET' && !isClosed) send(name, headers);
      else note(name, 'broken', '');
    });
    sent.on('close', () => {
      open -= 1;
    });
    sent.end();
  };
  const sendOne = () => {
    sequence += 1;
    const [name, agentText] = AGENTS[sequence % AGENTS.length] ?? ['none', ''];
    const user = sequence % USERS;
    const headers = { host: target.host, 'user-agent': agentText, 'end-user': user === 0 ? 'jason' : `user-${user}` };
    send(name, headers);
  };
  const timer = setInterval(() => {
    const now = performance.now();
    owed = Math.min(owed + ((now - lastMs) / 1000) * rate, Math.max(rate, 1));
    lastMs = now;
    for (; owed >= 1 && open < MOST_OPEN; owed -= 1) sendOne();
  }, TICK_MS);

  return {
    setRate: next => {
      rate = Math.max(0, next);
      owed = 0;
    },
    setTarget: change => {
      target = { ...target, ...change };
    },
    stats: () => {
      const { requests, failed, statuses, versions } = total;
      return structuredClone({ rate, requests, failed, statuses, versions, agents, seconds });
    },
    close: () => {
      isClosed = true;
      clearInterval(timer);
      agent.destroy();
    },
  };
}
