import type { Bed } from '../bed/bed.ts';
import type { VirtualService } from '../story.ts';
import { watchObjects } from '../watchObjects.ts';
import { JASON_MATCH, openSubject, type Subject } from './meshWorld.ts';

const RATE_PER_SECOND = 100;
/** More often within five minutes, and the attempt is given up (R26). */
const MOST_IN_ATTEMPT = 5;
/** After the write: proxies have learned by then whatever they will. */
const WATCHED_MS = 2_000;

/** One weight that somebody raised behind the controller's back. */
export interface Raised {
  /** From the answer to the foreign write to the sight of the lowered weight in a watch. */
  readonly downMs: number;
  /** Requests that went to the new version although none was to. */
  readonly wrongWay: number;
  /** From the answer to the foreign write to the start of the last of those; 0 when there was none. */
  readonly lastWrongMs: number;
  readonly notAnswered: number;
}

const weightOf = ({ spec }: VirtualService, subset: string): number =>
  spec.http
    .filter(({ name }) => name === 'primary')
    .flatMap(({ route }) => route)
    .filter(({ destination }) => destination.subset === subset)
    .reduce((sum, { weight = 100 }) => sum + weight, 0);

/** All of the steered route to v2; the other routes stay as they are. */
async function giveAll(bed: Bed, { world }: Subject): Promise<void> {
  const { spec } = await bed.kubernetes.get<VirtualService>(world.virtualService);
  const route = ['v1', 'v2'].map(subset => ({
    destination: { host: 'forecast', subset },
    weight: subset === 'v2' ? 100 : 0,
  }));
  const http = spec.http.map(rule => (rule.name === 'primary' ? { ...rule, route } : rule));
  await bed.kubernetes.patch(world.virtualService, { spec: { http } });
}

/** A rollout whose new version is to be met by one user only, raised to 100 % for everybody, a few times. */
async function raiseSome(bed: Bed, namespace: string, times: number): Promise<readonly Raised[]> {
  const subject = await openSubject(bed, { namespace, versions: ['v1', 'v2'] });
  const { world } = subject;
  const strategy = { canary: { steps: [{ setHeaderRoute: JASON_MATCH, pause: {} }] } };
  await subject.want('v1', strategy);
  await subject.untilStable('v1');
  await subject.want('v2', strategy);
  await subject.untilObeyed(1);
  const path = world.virtualService.slice(0, world.virtualService.lastIndexOf('/'));
  const watch = await watchObjects<VirtualService>(bed, path);
  const load = bed.startLoad({ host: world.host, ratePerSecond: RATE_PER_SECOND });
  try {
    await bed.until('the first requests', async () => (await load.summary()).requests > 0);
    const raised: Raised[] = [];
    for (let time = 0; time < times; time++) {
      const seen = watch.sightings.length;
      const fromMs = Date.now();
      await giveAll(bed, subject);
      const writtenMs = Date.now();
      const isUp = () => watch.sightings.slice(seen).findIndex(({ object }) => weightOf(object, 'v2') > 0);
      const down = () =>
        isUp() < 0 ? undefined : watch.sightings.slice(seen + isUp() + 1).find(({ object }) => weightOf(object, 'v2') === 0);
      await bed.until(`the weight to be put down in ${namespace}`, async () => down() !== undefined);
      const toMs = Math.max(writtenMs, down()?.atMs ?? 0) + WATCHED_MS;
      await bed.until('the requests after it', async () => Date.now() > toMs);
      const records = await load.records({ fromMs });
      const wrong = records.filter(({ version }) => version === 'v2');
      raised.push({
        downMs: Math.max(0, (down()?.atMs ?? Number.NaN) - writtenMs),
        wrongWay: wrong.length,
        lastWrongMs: Math.max(0, ...wrong.map(({ startMs }) => startMs - writtenMs)),
        notAnswered: records.filter(({ status }) => status !== 200).length,
      });
    }
    return raised;
  } finally {
    watch.stop();
    await load.close();
  }
}

/** Raises a weight so many times, in as many rollouts as that takes, a few side by side. */
export async function measureDrift(bed: Bed, times: number): Promise<readonly Raised[]> {
  const raised: Raised[] = [];
  const left = Array.from({ length: Math.ceil(times / MOST_IN_ATTEMPT) }, (_, index) => index);
  const worker = async () => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      raised.push(...(await raiseSome(bed, `raised-${index}`, Math.min(MOST_IN_ATTEMPT, times - index * MOST_IN_ATTEMPT))));
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return raised;
}
