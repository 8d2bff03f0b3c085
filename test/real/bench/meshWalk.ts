import type { Bed } from '../bed/bed.ts';
import type { Load } from '../bed/load.ts';
import type { ControllerProcess } from '../controllerProcess.ts';
import { changesOf, JASON, JASON_MATCH, notAnswered, ofJason, openSubject, type Subject } from './meshWorld.ts';

/** Three versions take turns, so that none is ever the one before, to which the way would be short. */
const TURNS = ['v2', 'v3', 'v1', 'v2'] as const;
/** Requests per second of each of the applications whose weights walk; the constant route gets as many as all of them. */
const RATE_PER_SECOND = 15;
/** Every fourth request has the header, where there is a header route. */
const HEADER_SETS = [JASON, {}, {}, {}] as const;

export interface WalkPlan {
  readonly name: string;
  /** Applications side by side: one has two VirtualServices, two have a header route beside the weight. */
  readonly applications: number;
  /** Rollouts of each application, one after the other; at most four. */
  readonly rollouts: number;
  /** Weights of each rollout, the last one is 100. */
  readonly weights: number;
}

/** What became of one application. */
interface Walked {
  readonly kind: 'weight' | 'weight, two objects' | 'weight and header';
  readonly namespace: string;
  readonly steps: number;
  /** Changes of the routes of all its VirtualServices, as their generation counts them. */
  readonly changes: number;
  readonly requests: number;
  readonly notAnswered: number;
  /** Requests with the header that met the stable version after one of them had met the new one. */
  readonly wrongWay: number;
}

export interface WalkResult {
  readonly walked: readonly Walked[];
  readonly constant: { readonly requests: number; readonly notAnswered: number };
  readonly durationS: number;
}

type Kind = Walked['kind'];
const kindOf = (index: number): Kind => {
  if (index === 0) return 'weight, two objects';
  return index <= 2 ? 'weight and header' : 'weight';
};

function strategyOf(kind: Kind, weights: number): object {
  const steps = Array.from({ length: weights }, (_, index) => {
    const setHeaderRoute = kind === 'weight and header' && index === 0 ? { setHeaderRoute: JASON_MATCH } : {};
    return { setWeight: Math.round((100 * (index + 1)) / weights), ...setHeaderRoute };
  });
  return { canary: { steps } };
}

/** Of the requests with the header, in the order of their start: those that came to the old version after the new one was met. */
async function wrongWayOf(load: Load, { fromMs, toMs }: { fromMs: number; toMs: number }, version: string): Promise<number> {
  const records = ofJason(await load.records({ fromMs, toMs }), HEADER_SETS.length);
  const sorted = records.toSorted((a, b) => a.startMs - b.startMs).filter(record => record.status === 200);
  const first = sorted.findIndex(record => record.version === version);
  return first < 0 ? 0 : sorted.slice(first).filter(record => record.version !== version).length;
}

async function walk(bed: Bed, subject: Subject, kind: Kind, plan: WalkPlan): Promise<Walked> {
  const { world } = subject;
  const strategy = strategyOf(kind, plan.weights);
  const headers = kind === 'weight and header' ? { headerSets: HEADER_SETS } : {};
  const load = bed.startLoad({ host: world.host, ratePerSecond: RATE_PER_SECOND, ...headers });
  try {
    let wrongWay = 0;
    for (const version of TURNS.slice(0, plan.rollouts)) {
      const fromMs = Date.now();
      await subject.want(version, strategy);
      await subject.untilStable(version);
      if (kind === 'weight and header') wrongWay += await wrongWayOf(load, { fromMs, toMs: Date.now() }, version);
    }
    const { requests } = await load.stop();
    const mesh = kind === 'weight, two objects' ? [world.virtualService, `${world.virtualService}-mesh`] : [world.virtualService];
    const before = kind === 'weight, two objects' ? 1 : 0;
    const changes = await Promise.all(mesh.map(path => changesOf(bed, path)));
    return {
      kind,
      namespace: world.namespace,
      steps: plan.rollouts * plan.weights,
      changes: changes.reduce((sum, count) => sum + count, -before),
      requests,
      notAnswered: await notAnswered(load),
      wrongWay,
    };
  } finally {
    await load.close();
  }
}

/**
 * Lets the weights of several applications walk from 0 to 100 again and again, under load, beside an application whose route is not touched.
 * `whileWalking` runs beside them and ends with the signal.
 */
export async function walkWeights(
  bed: Bed,
  plan: WalkPlan,
  whileWalking: (signal: AbortSignal) => Promise<void> = async () => {},
): Promise<WalkResult> {
  const constant = await openSubject(bed, { namespace: `${plan.name}-constant`, versions: ['v1'] });
  const subjects = await Promise.all(
    Array.from({ length: plan.applications }, async (_, index) => {
      const isSplitInTwo = kindOf(index) === 'weight, two objects';
      const subject = await openSubject(bed, { namespace: `${plan.name}-${index}`, isSplitInTwo });
      await subject.want('v1', strategyOf(kindOf(index), plan.weights));
      await subject.untilStable('v1');
      return subject;
    }),
  );
  const load = bed.startLoad({ host: constant.world.host, ratePerSecond: RATE_PER_SECOND * plan.applications });
  const ended = new AbortController();
  const startMs = performance.now();
  const beside = whileWalking(ended.signal);
  beside.catch(() => {
    // awaited at the end
  });
  try {
    const walked = await Promise.all(subjects.map((subject, index) => walk(bed, subject, kindOf(index), plan)));
    const durationS = (performance.now() - startMs) / 1_000;
    const { requests } = await load.stop();
    return { walked, constant: { requests, notAnswered: await notAnswered(load) }, durationS };
  } finally {
    ended.abort();
    await beside;
    await load.close();
  }
}

/** Between the end of one trouble and the next one. */
const CALM_MS = 8_000;

/** What happened how often. */
export type Troubles = Record<'istiod' | 'API server' | 'Sluice', number>;

/** Kills and starts istiod, the API server and the controller in turn, until the signal; everything runs again then. */
export async function trouble(bed: Bed, controller: ControllerProcess, troubles: Troubles, signal: AbortSignal): Promise<void> {
  const restart = async (part: 'istiod' | 'kube-apiserver') => {
    await bed.stop(part, 'kill');
    const start = async () => {
      await bed.start(part);
      return true;
    };
    // its port is taken until the last of its threads is gone
    await bed.until(`${part} to run again`, start);
  };
  const kinds: readonly (readonly [keyof Troubles, () => Promise<void>])[] = [
    ['Sluice', () => controller.kill().then(() => controller.start())],
    ['istiod', () => restart('istiod')],
    ['API server', () => restart('kube-apiserver')],
  ];
  for (let turn = 0; !signal.aborted; turn++) {
    const calmUntilMs = Date.now() + CALM_MS;
    await bed.until('some calm', async () => signal.aborted || Date.now() > calmUntilMs);
    const kind = kinds[turn % kinds.length];
    if (signal.aborted || kind === undefined) return;
    const [name, happen] = kind;
    await happen();
    troubles[name] += 1;
  }
}
