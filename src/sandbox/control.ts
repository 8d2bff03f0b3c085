import type { RequestListener, ServerResponse } from 'node:http';
import type { Chat } from './chat/chat.ts';
import { chatActions } from './control/chat.ts';
import { BadControl, flagIn, numberIn, textIn } from './control/fields.ts';
import { personIn } from './control/person.ts';
import type { Fault, Faults } from './faults.ts';
import { isObject, type JsonObject } from './kube/json.ts';
import type { People, Person } from './kube/people.ts';
import { readBody } from './kube/request.ts';
import type { Load, LoadStats, LoadTarget } from './load.ts';
import type { Truth, WorkloadCount } from './mesh/truth.ts';
import type { OutageMode, Switchable } from './outage.ts';

/** What really happened: arrivals per workload, and what the load generator saw. */
interface Stats {
  readonly workloads: { readonly [workload: string]: WorkloadCount };
  readonly load: LoadStats;
}

/** The levers of the sandbox; the control server offers the same over HTTP. */
export interface Control {
  /** Changes the faults of a workload (the name of a Deployment), or of one pod, which come before those of its workload; what is not named stays. */
  setFault(name: string, change: Partial<Fault>): Fault;
  faults(): { [name: string]: Fault };
  /** Requests per second, 0 stops the load; and, when given, another host or path to ask for. */
  setLoad(ratePerSecond: number, target?: Partial<LoadTarget>): void;
  stats(): Stats;
  /** Makes one of the servers fail, or work again with `ok`. */
  setOutage(server: string, mode: OutageMode): Promise<void>;
  /** Gives somebody a token for the API, and says what they may do; replaces who had this token before. */
  setPerson(person: Person): void;
  /** Takes a token away; false when nobody has it. */
  removePerson(token: string): boolean;
  readonly chat: Chat;
  /** Forgets the API's watch history: watches get 410 Gone. */
  compact(): void;
}

/** What control acts on. */
export interface ControlDeps {
  readonly faults: Faults;
  readonly load: Load;
  readonly truth: Truth;
  readonly servers: { readonly [name: string]: Switchable };
  readonly people: People;
  readonly chat: Chat;
  readonly compact: () => void;
}

const MODES: readonly OutageMode[] = ['ok', 'refuse', 'hang', 'slow', 'error500', 'nonsense'];

/** Creates the levers. */
export function createControl(deps: ControlDeps): Control {
  return {
    setFault: (name, change) => deps.faults.set(name, change),
    faults: () => deps.faults.all(),
    setLoad: (ratePerSecond, target = {}) => {
      deps.load.setTarget(target);
      deps.load.setRate(ratePerSecond);
    },
    stats: () => ({ workloads: deps.truth.counts(), load: deps.load.stats() }),
    setOutage: async (server, mode) => {
      const endpoint = deps.servers[server];
      if (!endpoint)
        throw new BadControl(`unknown server ${JSON.stringify(server)}: expected one of ${Object.keys(deps.servers).join(', ')}`);
      await endpoint.setMode(mode);
    },
    setPerson: deps.people.set,
    removePerson: deps.people.remove,
    chat: deps.chat,
    compact: () => deps.compact(),
  };
}

function faultIn(body: JsonObject): Partial<Fault> {
  const entries = {
    errorRate: numberIn(body, 'errorRate', 1),
    status: numberIn(body, 'status', 599),
    latencyMs: numberIn(body, 'latencyMs', 600_000),
    notReady: flagIn(body, 'notReady'),
    down: flagIn(body, 'down'),
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

type Action = (body: JsonObject) => unknown;

function actions(control: Control): { readonly [route: string]: Action } {
  return {
    ...chatActions(control.chat),
    'GET /faults': () => control.faults(),
    'POST /faults': body => control.setFault(textIn(body, 'pod' in body ? 'pod' : 'workload'), faultIn(body)),
    'POST /load': body => {
      const target = Object.fromEntries(
        ['host', 'path'].flatMap(key => (body[key] === undefined ? [] : [[key, textIn(body, key)]])),
      );
      const rate = numberIn(body, 'rate', 10_000) ?? control.stats().load.rate;
      control.setLoad(rate, target);
      return { rate, ...target };
    },
    'GET /stats': () => control.stats(),
    'POST /outage': async body => {
      const mode = MODES.find(item => item === body['mode']);
      if (!mode) throw new BadControl(`mode: expected one of ${MODES.join(', ')}`);
      await control.setOutage(textIn(body, 'server'), mode);
      return { server: body['server'], mode };
    },
    'POST /people': body => {
      const person = personIn(body);
      control.setPerson(person);
      const { token: _, ...known } = person;
      return known;
    },
    'DELETE /people': body => ({ removed: control.removePerson(textIn(body, 'token')) }),
    'POST /compact': () => {
      control.compact();
      return { compacted: true };
    },
  };
}

function reply(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function parse(text: string): JsonObject {
  try {
    const body: unknown = JSON.parse(text || '{}');
    if (isObject(body)) return body;
  } catch {
    // falls through to the refusal below
  }
  throw new BadControl('body: expected a JSON object');
}

/** The control server: `GET|POST /faults`, `POST /load`, `GET /stats`, `POST /outage`, `POST|DELETE /people`, `GET|POST /chat`, `POST /compact`. */
export function createControlListener(control: Control): RequestListener {
  const table = actions(control);
  return (request, response) => {
    const route = `${request.method} ${new URL(request.url ?? '/', 'http://control').pathname}`;
    const action = table[route];
    if (!action) return reply(response, 404, { error: `no such action: ${route}; known: ${Object.keys(table).join(', ')}` });
    const run = async () => reply(response, 200, await action(parse(request.method === 'GET' ? '' : await readBody(request))));
    run().catch((error: unknown) =>
      reply(response, error instanceof BadControl ? 400 : 500, { error: error instanceof Error ? error.message : String(error) }),
    );
  };
}
