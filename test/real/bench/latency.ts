// Program: measures how long a cause waits for the weight that answers it, on real servers. `--json` for programs; names of parts choose some.
import { parse } from 'yaml';
import type { Bed } from '../bed/bed.ts';
import { startBed } from '../bed/startBed.ts';
import { type ControllerProcess, startController } from '../controllerProcess.ts';
import { installSluice } from '../installed.ts';
import { setReady } from '../podReadiness.ts';
import { openStory, type Story, type StoryOptions } from '../story.ts';
import {
  endAttempt,
  enterHalf,
  failVerdict,
  GATES,
  HALF,
  halfOf,
  raiseByHand,
  SAFE,
  splitAfter,
  tellHealthy,
  versionOf,
} from './attempts.ts';
import { conditionsNow, type Figure, printFigures } from './figures.ts';
import { startPrometheusStandIn } from './prometheusStandIn.ts';

/** How often each thing is measured. */
const VERDICTS = 20;
const VERDICTS_WITH_UNREADY_POD = 10;
const LOSSES = 20;
const RAISES_PER_ATTEMPT = 2;
const LEADERS = 5;
const TWO_STEPS = 3;
const ON_THE_MESH = 3;
const RATE_PER_SECOND = 100;

interface Bench {
  readonly bed: Bed;
  readonly standIn: Awaited<ReturnType<typeof startPrometheusStandIn>>;
  readonly kubeconfig: string;
}

const attempts = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

function open(bed: Bed, options: Pick<StoryOptions, 'namespace'> & Partial<StoryOptions>): Promise<Story> {
  const apply = (_file: string, text: string) => bed.kubernetes.apply(parse(text));
  return openStory(bed, apply, { canary: HALF, gates: GATES, interval: '1s', ...options });
}

/** A controller that reads the stand-in, or the real Prometheus, as long as the work lasts. */
async function withController<T>({ bed, standIn, kubeconfig }: Bench, reads: 'standIn' | 'prometheus', work: () => Promise<T>) {
  const prometheusUrl = reads === 'standIn' ? standIn.url : bed.prometheusUrl;
  const place = { kubeconfig, port: 'controller', namespaces: [], leaderElection: true } as const;
  const controller = await startController({ ...bed, prometheusUrl }, place);
  try {
    return await work();
  } finally {
    await controller.stop();
  }
}

async function withStory<T>(bed: Bed, options: Parameters<typeof open>[1], work: (story: Story) => Promise<T>): Promise<T> {
  const story = await open(bed, options);
  try {
    return await work(story);
  } finally {
    await story.close();
  }
}

async function verdicts(bench: Bench): Promise<readonly Figure[]> {
  const { bed, standIn } = bench;
  const namespace = 'verdicts';
  const firstWeights = { withSubset: [] as number[], withoutSubset: [] as number[] };
  return withController(bench, 'standIn', () =>
    withStory(bed, { namespace }, async story => {
      let attempt = 0;
      const fail = async (count: number, unready?: 'v1' | 'new') => {
        const samples: number[] = [];
        for (const _ of attempts(count)) {
          const version = versionOf(attempt++);
          tellHealthy({ standIn, story });
          const { firstWeightMs, hadSubset } = await enterHalf(bed, story, version);
          firstWeights[hadSubset ? 'withSubset' : 'withoutSubset'].push(firstWeightMs);
          const lost = { namespace, version: unready === 'new' ? version : 'v1', pods: 1 };
          if (unready !== undefined) await setReady(bed, { ...lost, ready: false });
          samples.push(await failVerdict({ bed, standIn, story }, version));
          if (unready !== undefined) await setReady(bed, { ...lost, ready: true });
        }
        return samples;
      };
      const alone = await fail(VERDICTS);
      const stableUnready = await fail(VERDICTS_WITH_UNREADY_POD, 'v1');
      const newUnready = await fail(VERDICTS_WITH_UNREADY_POD, 'new');
      return [
        { what: 'failing verdict to weight 0', unit: 'ms', target: 50, samples: alone },
        { what: 'the same, one of two stable pods unready', unit: 'ms', target: 50, samples: stableUnready },
        { what: 'the same, one of two new pods unready', unit: 'ms', target: 50, samples: newUnready },
        { what: 'new version seen to first weight, subset there', unit: 'ms', target: 1_000, samples: firstWeights.withSubset },
        { what: 'the same, subset to be made (settle 2 s)', unit: 'ms', target: 3_000, samples: firstWeights.withoutSubset },
      ];
    }),
  );
}

async function losses(bench: Bench): Promise<readonly Figure[]> {
  const { bed, standIn } = bench;
  const namespace = 'losses';
  const [lostMs, raisedMs, failed]: [number[], number[], number[]] = [[], [], []];
  const loseAll = async (story: Story, version: string) => {
    const change = { namespace, version };
    const fromMs = Date.now();
    const { atMs, doneAtMs } = await splitAfter({ bed, story }, SAFE, () => setReady(bed, { ...change, ready: false }));
    lostMs.push(atMs - doneAtMs);
    // what was under way when the weight changed is over by then
    await bed.until('a second of requests', async () => Date.now() > atMs + 1_000);
    failed.push((await story.load.failures({ fromMs })).length);
  };
  return withController(bench, 'standIn', () =>
    withStory(bed, { namespace, ratePerSecond: RATE_PER_SECOND }, async story => {
      for (const attempt of attempts(LOSSES / 2)) {
        const version = versionOf(attempt);
        tellHealthy({ standIn, story });
        await enterHalf(bed, story, version);
        tellHealthy({ standIn, story }, version);
        for (const _ of attempts(RAISES_PER_ATTEMPT)) {
          const seen = story.splits().length;
          const { atMs } = await splitAfter({ bed, story }, halfOf(version), () => raiseByHand(bed, story, version));
          const raised = story.splits()[seen];
          if (raised !== undefined) raisedMs.push(atMs - raised.atMs);
        }
        await loseAll(story, version);
        const ready = () => setReady(bed, { namespace, version, ready: true });
        await splitAfter({ bed, story }, halfOf(version), ready);
        await loseAll(story, version);
        await endAttempt({ standIn, story });
        await ready();
      }
      return [
        { what: 'last ready pod gone to weight 0', unit: 'ms', target: 50, samples: lostMs },
        { what: `failed requests of each such loss at ${RATE_PER_SECOND}/s`, unit: 'requests', target: 0, samples: failed },
        { what: 'drift upwards to put down', unit: 'ms', target: 10, samples: raisedMs },
      ];
    }),
  );
}

/** Two steps of 10 s from the new version's commit to its end; the subset is there. */
async function steps(bench: Bench): Promise<readonly Figure[]> {
  const { bed, standIn } = bench;
  const pause = { duration: '10s' };
  const canary = {
    steps: [
      { setWeight: 50, pause },
      { setWeight: 100, pause },
    ],
  };
  const one = (namespace: string) =>
    withStory(bed, { namespace, canary }, async story => {
      const subsets = ['v1', 'v2'].map(name => ({ name, labels: { version: name } }));
      await bed.kubernetes.patch(story.world.destinationRule, { spec: { subsets } });
      tellHealthy({ standIn, story }, 'v2');
      const madeAtMs = Date.now();
      await bed.until('the subset to be settled', async () => Date.now() > madeAtMs + 3_000);
      await story.commit('v2');
      const committedAtMs = Date.now();
      await story.until('the end', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');
      const end = story.statuses.find(({ object }) => object.status?.stableVersion === 'v2');
      return ((end?.atMs ?? Number.NaN) - committedAtMs) / 1_000;
    });
  const samples = await withController(bench, 'standIn', () =>
    Promise.all(attempts(TWO_STEPS).map(index => one(`steps-${index}`))),
  );
  return [{ what: 'two steps of 10 s (50, 100), interval 1 s', unit: 's', target: 21.5, samples }];
}

/** Two controllers; the leader goes, somebody raises the new version, the other one puts it down. */
async function leaders(bench: Bench): Promise<readonly Figure[]> {
  const { bed, standIn, kubeconfig } = bench;
  const place = { kubeconfig, namespaces: [], leaderElection: true } as const;
  const ports = ['controller', 'otherController'] as const;
  const both = await Promise.all(ports.map(port => startController({ ...bed, prometheusUrl: standIn.url }, { ...place, port })));
  const leader = async () => {
    const found: ControllerProcess[] = [];
    await bed.until('a leader', async () => {
      for (const one of both) if (await one.leads()) found.push(one);
      return found.length > 0;
    });
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} controllers lead`);
    return only;
  };
  const change = (namespace: string, how: 'kill' | 'stop') =>
    withStory(bed, { namespace }, async story => {
      tellHealthy({ standIn, story });
      await enterHalf(bed, story, 'v2');
      tellHealthy({ standIn, story }, 'v2');
      const samples: number[] = [];
      for (const _ of attempts(LEADERS)) {
        const gone = await leader();
        const startMs = Date.now();
        const ended = gone[how]();
        // a leader that is asked to go may still act itself
        if (how === 'stop') await ended;
        const { atMs } = await splitAfter({ bed, story }, halfOf('v2'), () => raiseByHand(bed, story, 'v2'));
        samples.push((atMs - startMs) / 1_000);
        await ended;
        await gone.start();
      }
      return samples;
    });
  try {
    await leader();
    const killed = await change('killed', 'kill');
    const stopped = await change('stopped', 'stop');
    return [
      { what: 'leader killed (SIGKILL) to the next action', unit: 's', target: 12, samples: killed },
      { what: 'leader stopped (SIGTERM) to the next action', unit: 's', target: 1, samples: stopped },
    ];
  } finally {
    await Promise.all(both.map(controller => controller.stop()));
  }
}

/** Errors as clients get them, through the real Prometheus; then a Rollout that is deleted at half. */
async function mesh(bench: Bench): Promise<readonly Figure[]> {
  const { bed } = bench;
  const options = { ratePerSecond: RATE_PER_SECOND };
  const withErrors = () =>
    withStory(bed, { ...options, namespace: 'errors' }, async story => {
      const samples: number[] = [];
      for (const attempt of attempts(ON_THE_MESH)) {
        const version = versionOf(attempt);
        await enterHalf(bed, story, version);
        await story.until('a verdict', ({ message }) => / % >= 99 % on /.test(message));
        const scope = { namespace: 'errors', app: 'forecast', version };
        const fromMs = Date.now();
        await splitAfter({ bed, story }, SAFE, () => bed.pods.behave(scope, { errorRate: 0.3 }));
        await story.until('rollback', ({ phase }) => phase === 'RolledBack');
        const bad = (await story.load.failures({ fromMs })).map(({ startMs, durationMs }) => startMs + durationMs);
        samples.push((Math.max(...bad) - Math.min(...bad)) / 1_000);
        await bed.pods.behave(scope, {});
      }
      return samples;
    });
  const deleted = () =>
    withStory(bed, { ...options, namespace: 'deleted' }, async story => {
      const samples: number[] = [];
      for (const attempt of attempts(ON_THE_MESH)) {
        const version = versionOf(attempt);
        await enterHalf(bed, story, version);
        const fromMs = Date.now();
        const remove = () => story.kubectl('delete', 'rollout', 'forecast', '--timeout=20s');
        const { doneAtMs } = await splitAfter({ bed, story }, SAFE, remove);
        await bed.until('two seconds of requests', async () => Date.now() > doneAtMs + 2_000);
        samples.push((await story.load.failures({ fromMs })).length);
        await story.commit('v1');
        await story.until('adoption of v1', ({ phase }) => phase === 'Healthy');
      }
      return samples;
    });
  return withController(bench, 'prometheus', async () => [
    {
      what: `30 % errors at 50 %, ${RATE_PER_SECOND}/s: first to last bad answer`,
      unit: 's',
      target: 5,
      samples: await withErrors(),
    },
    { what: 'Rollout deleted at 50/50: failed requests', unit: 'requests', target: 0, samples: await deleted() },
  ]);
}

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<readonly Figure[]>>> = { verdicts, losses, steps, leaders, mesh };

const asked = process.argv.slice(2).filter(argument => !argument.startsWith('--'));
const unknown = asked.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) throw new Error(`no part is named ${unknown.join(', ')}; known are ${Object.keys(PARTS).join(', ')}`);
const chosen = Object.entries(PARTS).filter(([name]) => asked.length === 0 || asked.includes(name));
const conditions = { ...conditionsNow(), 'scrape and interval s': 1 };
const bed = await startBed({ leftOut: ['zipkin', 'git'] });
const standIn = await startPrometheusStandIn();
try {
  const bench: Bench = { bed, standIn, kubeconfig: await installSluice(bed) };
  const figures: Figure[] = [];
  for (const [, part] of chosen) figures.push(...(await part(bench)));
  printFigures(figures, conditions);
} finally {
  await standIn.close();
  await bed.close();
}
