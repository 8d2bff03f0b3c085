import { Agent, type IncomingMessage, request } from 'node:http';

/** Somebody who never stops asking, one request at a time. */
export interface User {
  readonly name: string;
  /** Where requests go: the gateway, or a proxy beside a caller in the mesh. */
  readonly url: string;
  readonly host: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends back the cookies that it was given. */
  readonly keepsCookies?: boolean;
}

/** An answer as its user saw it: the version that gave it, or the status if it is an error. */
interface Sight {
  readonly user: string;
  /** Wall clock, of the request and of its answer. */
  readonly atMs: number;
  readonly overMs: number;
  readonly got: string;
  /** 0: no answer. */
  readonly status: number;
}

/** Wall clock: of requests from the one on, whose answers came before the other. */
interface Range {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Users who ask in turn at a steady rate, and what they saw. */
export interface Crowd {
  /** Answers to requests of that time, in the order in which they came. */
  readonly sights: (range?: Range) => readonly Sight[];
  /** Which versions (or errors) a user got then, without doubles, sorted. */
  readonly got: (user: string, range?: Range) => readonly string[];
  /** Requests without an answer, or with an error. */
  readonly failed: () => readonly Sight[];
  readonly cookies: (user: string) => Readonly<Record<string, string>>;
  /** What was seen so far does not count. */
  readonly forget: () => void;
  readonly stop: () => void;
}

const TICK_MS = 20;
const TIMEOUT_MS = 30_000;

type Jar = Map<string, string>;

const take = (jar: Jar, response: IncomingMessage): void => {
  for (const cookie of response.headers['set-cookie'] ?? []) {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? [];
    jar.set(name.trim(), value);
  }
};

/** Starts to ask. `ratePerSecond` is that of all users together. */
export const gather = (users: readonly User[], ratePerSecond: number): Crowd => {
  const agent = new Agent({ keepAlive: true });
  const sights: Sight[] = [];
  const jars = new Map<string, Jar>(users.map(({ name }) => [name, new Map()]));
  const waiting = new Set<string>();
  const startedMs = performance.now();
  let sent = 0;
  let isOver = false;

  const ask = (user: User): void => {
    const atMs = Date.now();
    waiting.add(user.name);
    const jar = jars.get(user.name) ?? new Map<string, string>();
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...user.headers, ...(cookie === '' ? {} : { cookie }), host: user.host };
    const see = (got: string, status: number) => {
      waiting.delete(user.name);
      if (!isOver) sights.push({ user: user.name, atMs, overMs: Date.now(), got, status });
    };
    const outgoing = request(`${user.url}${user.path ?? '/'}`, { agent, headers, timeout: TIMEOUT_MS }, response => {
      if (user.keepsCookies) take(jar, response);
      response.resume();
      const status = response.statusCode ?? 0;
      response.on('end', () => see(status === 200 ? String(response.headers['x-version']) : String(status), status));
      response.on('error', error => see(error.message, 0));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    // a proxy closes idle connections at any moment; callers send such a request again
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      outgoing.reusedSocket && !isOver ? ask(user) : see(error.code ?? error.message, 0),
    );
    outgoing.end();
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - startedMs) * ratePerSecond) / 1_000;
    // a machine that stood still does not make up for it
    if (due - sent > ratePerSecond) sent = Math.floor(due - ratePerSecond);
    for (; sent < due; sent += 1) {
      const user = users[sent % users.length];
      if (user !== undefined && !waiting.has(user.name)) ask(user);
    }
  }, TICK_MS);

  const within = ({ fromMs = 0, toMs = Number.POSITIVE_INFINITY }: Range = {}) =>
    sights.filter(({ atMs, overMs }) => atMs >= fromMs && overMs < toMs);
  return {
    sights: within,
    got: (name, range) => [...new Set(within(range).flatMap(({ user, got }) => (user === name ? [got] : [])))].sort(),
    failed: () => sights.filter(({ status }) => status === 0 || status >= 400),
    cookies: name => Object.fromEntries(jars.get(name) ?? []),
    forget: () => {
      sights.length = 0;
    },
    stop: () => {
      isOver = true;
      clearInterval(timer);
      agent.destroy();
    },
  };
};
