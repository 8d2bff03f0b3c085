import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Bed } from '../bed/bed.ts';
import { run } from '../bed/command.ts';
import type { Load } from '../bed/load.ts';
import { createWorld, type World } from '../bed/world.ts';

const RATE_PER_SECOND = 200;
/** After each apply, for requests that it may have hurt. */
const WATCHED_MS = 1_500;

/** In which order the two objects stand in the file. */
export type FileOrder = 'subset first' | 'weight first';

/** What one way of applying files has cost. */
export interface Applied {
  readonly order: FileOrder;
  readonly times: number;
  readonly requests: number;
  /** Failed requests of each apply that brought subset and weight, and of each that took both away. */
  readonly forth: readonly number[];
  readonly back: readonly number[];
}

/** The two objects of a state, as people write them into one file. */
function fileOf({ namespace, host }: World, order: FileOrder, state: 'before' | 'half'): string {
  const subsets = (state === 'half' ? ['v1', 'v2'] : ['v1']).map(name => ({ name, labels: { version: name } }));
  const object = (kind: string, name: string, spec: unknown) => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace },
    spec,
  });
  const to = (subset: string, weight: number) => ({ destination: { host: 'forecast', subset }, weight });
  const route = state === 'half' ? [to('v1', 50), to('v2', 50)] : [to('v1', 100)];
  const rule = object('DestinationRule', 'forecast-dr', { host: 'forecast', subsets });
  const service = object('VirtualService', 'forecast', {
    hosts: ['forecast', host],
    gateways: ['mesh', 'weather-gateway'],
    http: [{ name: 'primary', route }],
  });
  return (order === 'subset first' ? [rule, service] : [service, rule]).map(one => stringify(one)).join('---\n');
}

async function failedOf(bed: Bed, load: Load, apply: () => Promise<unknown>): Promise<number> {
  const fromMs = Date.now();
  await apply();
  const toMs = Date.now() + WATCHED_MS;
  await bed.until('the requests after it', async () => Date.now() > toMs);
  const { requests, byStatus } = await load.summary({ fromMs });
  return requests - (byStatus['200'] ?? 0);
}

/** Applies the next file and the one before it in turn, as the guides do it: subset and weight in one file. */
export async function applyFiles(bed: Bed, order: FileOrder, times: number): Promise<Applied> {
  const namespace = `apply-${order.replace(' ', '-')}`;
  const world = await createWorld(bed, { namespace, versions: ['v1', 'v2'], replicas: 1 });
  const apply = async (state: 'before' | 'half') => {
    const file = join(bed.directory, `${namespace}-${state}.yaml`);
    await writeFile(file, fileOf(world, order, state));
    return run(bed.kubectl, ['--kubeconfig', bed.kubeconfig, 'apply', '--filename', file]);
  };
  await apply('before');
  const load = bed.startLoad({ host: world.host, ratePerSecond: RATE_PER_SECOND });
  try {
    await bed.until('the first requests', async () => (await load.summary()).requests > 0);
    const [forth, back]: [number[], number[]] = [[], []];
    for (let time = 0; time < times; time++) {
      forth.push(await failedOf(bed, load, () => apply('half')));
      back.push(await failedOf(bed, load, () => apply('before')));
    }
    return { order, times, requests: (await load.stop()).requests, forth, back };
  } finally {
    await load.close();
  }
}
