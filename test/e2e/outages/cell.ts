import { setTimeout as wait } from 'node:timers/promises';
import type { OutageMode } from '../../../src/sandbox/outage.ts';
import { send, until } from '../../sandbox/client.ts';
import { workloadOf } from '../app.ts';
import { type App, openWorld, type World } from '../world.ts';

/** In requests per second; few, since many cells live side by side. */
const RATE = 8;
const IDLE_RATE = 2;
const MIN_SAMPLES = 5;
/** The outage ends so long after the pause of `rests` is over. */
const AFTER_PAUSE_MS = 1_000;
const STARTS_PAUSE_MS = 1_500;
/** Longer than any test. */
const FAILS_PAUSE_MS = 600_000;
/** Cells that are opened until the outage begins at the right moment. */
const MOST_CELLS = 5;

/** Milliseconds. `begin`: the outage begins so long before the pause of `moves` is over. `settle`: no weight is raised so soon after a commit. */
type Pace = { readonly begin: number; readonly settle: number; readonly moves: number; readonly rests: number };

/** Slower from cell to cell, since a machine that came too late once is busy. */
const paceOf = (cells: number): Pace => {
  const begin = 700 * 2 ** cells;
  return { begin, settle: 500 * 2 ** cells, moves: 2_800 + begin, rests: 3_600 + begin };
};

/** v2 takes so long when it is slow. Half of its requests may take so long: some of them do on a machine that stands still. */
const TAKES_MS = 2_800;
const MAY_TAKE_MS = 2_000;
/** For those that have to stay good. */
const EVER_MS = 120_000;
/** Spans of slow requests come late: only a reading with so much lag counts them. */
const PATIENT = { provider: 'patient', lag: '3500ms' };

const specOf = (
  { settle }: Pace,
  pauseMs: number,
  zipkin: object = { provider: 'default', percentile: 99 },
  maxMs = EVER_MS,
): object => ({
  strategy: { canary: { steps: [{ setWeight: 50, pause: { duration: `${pauseMs}ms` } }] } },
  router: { istio: { settle: `${settle}ms` } },
  analysis: {
    interval: '1s',
    gates: [
      { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 }, minSamples: MIN_SAMPLES },
      { name: 'latency', zipkin, threshold: { max: maxMs }, minSamples: MIN_SAMPLES },
    ],
  },
});

/** The machine stood still while the outage was to begin: a Rollout has left the phase that it was to be in. */
class TooLate extends Error {}

/** What the controller says of itself at a moment: sums of its counters, and its memory. */
export type Figures = {
  readonly atMs: number;
  readonly residentBytes: number;
  count(metric: string, ...labels: readonly string[]): number;
};

/** One Rollout in each phase of its life, when a server goes away. */
export type Cell = {
  readonly world: World;
  readonly pace: Pace;
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
  /** Begins the outage at the moment that the phases are made for, or throws `TooLate`. `how` v2 of `fails` turns bad. */
  begin(server: string, mode: OutageMode, how: 'errors' | 'slow'): Promise<void>;
  /** Waits until all pauses have been over for a while. */
  lasts(): Promise<void>;
  /** Ends the outage. */
  end(): Promise<void>;
};

type CellOptions = {
  /** How long providers may take to answer; default 20 s, since a machine that stands still is no outage. */
  readonly timeout?: string;
  /** The controller holds a lease. */
  readonly hasLease?: boolean;
  /** The outage is at least so long. */
  readonly leastMs?: number;
};

/** Plays a story in a cell of its own, and again in a new one where it came too late for its outage. */
export const withCell = async (options: CellOptions, story: (cell: Cell) => Promise<void>): Promise<void> => {
  for (let cells = 0; ; cells += 1) {
    const cell = await openCell(paceOf(cells), options);
    try {
      return await story(cell);
    } catch (error) {
      if (!(error instanceof TooLate) || cells + 1 === MOST_CELLS) throw error;
    } finally {
      await cell.world.close();
    }
  }
};

/** When the Rollout entered its first step; `TooLate` where it is past it. */
export const firstStep = async (app: App): Promise<number> => {
  const { step } = await app.reaches(
    ({ step, phase, stableVersion }) => step?.index === 1 || stableVersion === 'v2' || phase === 'RolledBack',
    'step 1',
  );
  if (step?.index !== 1) throw new TooLate(`${app.namespace} is past its first step`);
  return Date.parse(step.startedAt ?? '');
};

const openCell = async (pace: Pace, { timeout = '20s', hasLease = false, leastMs = 0 }: CellOptions = {}): Promise<Cell> => {
  const world = await openWorld();
  return await fill(world, pace, { timeout, hasLease, leastMs }).catch(async error => {
    await world.close();
    throw error;
  });
};

const fill = async (world: World, pace: Pace, { timeout, hasLease, leastMs }: Required<CellOptions>): Promise<Cell> => {
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
  await Promise.all([starts.roll('v1', specOf(pace, STARTS_PAUSE_MS)), idles.roll('v1', specOf(pace, STARTS_PAUSE_MS))]);
  await Promise.all([starts, idles].map(app => app.reaches(({ phase }) => phase === 'Healthy', 'adoption')));
  await Promise.all([
    rests.roll('v2', specOf(pace, pace.rests)),
    moves.roll('v2', specOf(pace, pace.moves)),
    fails.roll('v2', specOf(pace, FAILS_PAUSE_MS, { provider: PATIENT.provider, percentile: 50 }, MAY_TAKE_MS)),
  ]);
  return {
    world,
    pace,
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
      const [restsMs = 0, movesMs = 0] = await Promise.all([rests, moves, fails].map(firstStep));
      restsEndMs = restsMs + pace.rests;
      const movesEndMs = movesMs + pace.moves;
      await wait(Math.max(0, movesEndMs - pace.begin - Date.now()));
      const committedMs = Date.now();
      // the commit is known, the rest is not
      await starts.change({ spec: { version: 'v2' } });
      await world.sandbox.control.setOutage(server, mode);
      const begunMs = Date.now();
      world.sandbox.control.setFault(workloadOf('fails', 'v2'), how === 'errors' ? { errorRate: 0.6 } : { latencyMs: TAKES_MS });
      // no Rollout leaves a step before its pause is over
      if (begunMs >= Math.min(movesEndMs, restsEndMs)) throw new TooLate('a pause is over');
      if (begunMs >= committedMs + pace.settle) throw new TooLate('a new version may have got traffic');
      leastEndMs = begunMs + leastMs;
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
  return { atMs: performance.now(), count, residentBytes: count('process_resident_memory_bytes') };
};

/** How often the Rollout's events say so. */
export const told = async (app: App, reason: string): Promise<number> =>
  (await app.events()).filter(event => event.reason === reason).length;

/** Waits for the first event of a reason: those of an outage are sent again with back-off. Gives how many there are then. */
export const toldAtLast = (app: App, reason: string): Promise<number> =>
  until(async () => (await told(app, reason)) || undefined, `an event ${reason}`);

/** How often the weights of the VirtualService were written; the first is its creation. */
export const weightWrites = async ({ world }: Cell, { namespace }: App): Promise<number> => {
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices/forecast`;
  return Number((await world.api.get(path)).body.metadata.generation) - 1;
};
