import { setTimeout as wait } from 'node:timers/promises';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { send, until } from '../../sandbox/client.ts';
import { workloadOf } from '../app.ts';
import { type App, openWorld, type World } from '../world.ts';

/** In requests per second; few, since many cells live side by side. */
const RATE = 8;
const IDLE_RATE = 2;
const MIN_SAMPLES = 5;
/** The outage begins so long before the pause of `moves` is over, and ends so long after the pause of `rests` is. */
const BEFORE_MOVE_MS = 600;
const AFTER_PAUSE_MS = 1_500;
const MOVES_PAUSE_MS = 4_000;
const RESTS_PAUSE_MS = 5_500;
/** After an outage events are sent again within their back-off. */
const EVENT_WITHIN_MS = 20_000;

/** v2 takes so long when it is slow, and may take so long. */
const TAKES_MS = 2_800;
const MAY_TAKE_MS = 2_000;
/** Spans of slow requests come late: only a reading with so much lag counts them. */
const PATIENT = { provider: 'patient', lag: '3500ms' };

const specOf = (pauseMs: number, zipkin = 'default'): object => ({
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: `${pauseMs}ms` } }] } },
  analysis: {
    interval: '1s',
    gates: [
      { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: MIN_SAMPLES },
      { name: 'p99', zipkin: { provider: zipkin, percentile: 99 }, threshold: { max: MAY_TAKE_MS }, minSamples: MIN_SAMPLES },
    ],
  },
});

/** What the controller says of itself: sums of its counters, and its memory. */
type Figures = { count(metric: string, ...labels: readonly string[]): number; readonly residentBytes: number };

/** One Rollout in each phase of its life, when a server goes away. */
export type Cell = {
  readonly world: World;
  /** About to start. */
  readonly starts: App;
  /** In the pause of step 1, which ends during the outage. */
  readonly rests: App;
  /** About to leave step 1. */
  readonly moves: App;
  /** In step 1, and its new version turns bad with the outage. */
  readonly fails: App;
  /** Nothing to do. */
  readonly idles: App;
  readonly all: readonly App[];
  /** Waits for a log line of the controller. */
  readonly logged: Awaited<ReturnType<World['controller']>>['logged'];
  figures(): Promise<Figures>;
  /** Begins the outage at the moment that the phases are made for. `how` v2 of `fails` turns bad. */
  begin(server: string, mode: OutageMode, how: 'errors' | 'slow'): Promise<void>;
  /** Waits until all pauses have been over for a while. */
  lasts(): Promise<void>;
  /** Ends the outage. */
  end(): Promise<void>;
};

type CellOptions = {
  /** How long providers may take to answer; default 2 s. */
  readonly timeout?: string;
  /** The controller holds a lease. */
  readonly hasLease?: boolean;
  /** The outage is at least so long. */
  readonly leastMs?: number;
};

export const openCell = async ({ timeout = '2s', hasLease = false, leastMs = 0 }: CellOptions = {}): Promise<Cell> => {
  const world = await openWorld();
  const [starts, rests, moves, fails, idles] = await Promise.all(
    (['starts', 'rests', 'moves', 'fails', 'idles'] as const).map(name =>
      world.app(name, { rate: name === 'idles' ? IDLE_RATE : RATE }),
    ),
  );
  if (!starts || !rests || !moves || !fails || !idles) throw new Error('opening the cell: an application is missing');
  const { prometheus, zipkin: url } = world.sandbox.urls;
  const zipkin = { default: { url, timeout, lag: '500ms' }, [PATIENT.provider]: { url, timeout, lag: PATIENT.lag } };
  const controller = await world.controller({
    config: { providers: { prometheus: { default: { url: prometheus, timeout } }, zipkin } },
    args: ['--leader-elect', String(hasLease)],
  });
  let restsEndMs = 0;
  let leastEndMs = 0;
  let away = '';
  await Promise.all([starts.roll('v1', specOf(MOVES_PAUSE_MS)), idles.roll('v1', specOf(MOVES_PAUSE_MS))]);
  await Promise.all([starts, idles].map(app => app.reaches(({ phase }) => phase === 'Healthy', 'adoption')));
  await Promise.all([
    rests.roll('v2', specOf(RESTS_PAUSE_MS)),
    moves.roll('v2', specOf(MOVES_PAUSE_MS)),
    fails.roll('v2', specOf(60_000, PATIENT.provider)),
  ]);
  return {
    world,
    starts,
    rests,
    moves,
    fails,
    idles,
    all: [starts, rests, moves, fails, idles],
    logged: controller.logged,
    figures: async () => readFigures(String((await send(`http://${controller.address}/metrics`)).body)),
    begin: async (server, mode, how) => {
      away = server;
      const entered = await Promise.all([rests, moves, fails].map(app => app.reaches(({ step }) => step?.index === 1, 'step 1')));
      const [restsMs = 0, movesMs = 0] = entered.map(({ step }) => Date.parse(step?.startedAt ?? ''));
      restsEndMs = restsMs + RESTS_PAUSE_MS;
      await wait(Math.max(0, movesMs + MOVES_PAUSE_MS - BEFORE_MOVE_MS - Date.now()));
      // the commit is known, the rest is not
      await starts.change({ spec: { version: 'v2' } });
      world.sandbox.control.setFault(workloadOf('fails', 'v2'), how === 'errors' ? { errorRate: 0.6 } : { latencyMs: TAKES_MS });
      await world.sandbox.control.setOutage(server, mode);
      leastEndMs = Date.now() + leastMs;
    },
    lasts: () => wait(Math.max(0, restsEndMs + AFTER_PAUSE_MS - Date.now(), leastEndMs - Date.now())),
    end: () => world.sandbox.control.setOutage(away, 'ok'),
  };
};

const readFigures = (text: string): Figures => {
  const lines = text.split('\n').filter(line => !line.startsWith('#'));
  const count = (metric: string, ...labels: readonly string[]): number =>
    lines
      .filter(line => line.startsWith(metric) && labels.every(label => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  return { count, residentBytes: count('process_resident_memory_bytes') };
};

/** How often the Rollout's events say so. */
export const told = async (app: App, reason: string): Promise<number> =>
  (await app.events()).filter(event => event.reason === reason).length;

/** Waits for the first event of a reason: those of an outage are sent again with back-off. Gives how many there are then. */
export const toldAtLast = (app: App, reason: string): Promise<number> =>
  until(async () => (await told(app, reason)) || undefined, `an event ${reason}`, EVENT_WITHIN_MS);

/** How often the weights of the VirtualService were written; the first is its creation. */
export const weightWrites = async ({ world }: Cell, { namespace }: App): Promise<number> => {
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/forecast`;
  return Number((await world.api.get(path)).body.metadata.generation) - 1;
};
