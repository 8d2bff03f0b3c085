import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { readable, rolloutLine } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { findRollout } from '../cluster/findRollout.ts';
import { withNextStep } from '../cluster/nextStep.ts';
import { type CliIo, EXIT } from '../io.ts';
import { formatted } from '../terminal/output.ts';
import { paint } from '../terminal/paint.ts';
import { choose } from './choice.ts';
import { createTable, rowOf } from './rows.ts';
import { nameLine, type Place, rolloutIn, type Wanted } from './wanted.ts';
import { watchRollouts } from './watch.ts';

/** Answers the exit code. Throws SystemError when nothing can be listed. */
export const getRollouts = async (place: Place, cluster: Cluster, wanted: Wanted): Promise<number> => {
  if (wanted.watch) return watchRollouts(place, cluster, wanted);
  const { found, isComplete } = await read(place.io, cluster, wanted);
  await show(place, choose(found, wanted), { ...wanted, namespace: cluster.namespace });
  return isComplete ? EXIT.done : EXIT.no;
};

type Read = { readonly found: readonly StoredRollout[]; readonly isComplete: boolean };

const read = async (io: CliIo, cluster: Cluster, { names, everywhere }: Wanted): Promise<Read> => {
  if (names.length === 0) {
    const { items } = await cluster.client.list(ROLLOUTS, everywhere ? {} : { namespace: cluster.namespace });
    return { found: items.flatMap(rolloutIn), isComplete: true };
  }
  const found: StoredRollout[] = [];
  const read = await Promise.allSettled(names.map(name => findRollout(cluster, name)));
  for (const one of read) {
    if (one.status === 'fulfilled') found.push(readable(one.value.rollout));
    else if (names.length > 1 && one.reason instanceof KubeError && one.reason.kind === 'notFound')
      io.err(`${withNextStep(one.reason)}\n`);
    else throw one.reason;
  }
  return { found, isComplete: found.length === names.length };
};

const show = async (
  { io, terminal }: Place,
  rollouts: readonly StoredRollout[],
  { output, everywhere, namespace, names }: Wanted & { readonly namespace: string },
): Promise<void> => {
  if (output === 'json' || output === 'yaml') return io.out(await formatted({ items: rollouts.map(rolloutLine) }, output));
  if (rollouts.length === 0) {
    if (names.length === 0) io.err(`No resources found${everywhere ? '' : ` in ${namespace} namespace`}\n`);
    return;
  }
  if (output === 'name') return io.out(rollouts.map(nameLine).join(''));
  const columns = { namespace: everywhere, wide: output === 'wide' };
  const rows = rollouts.map(rollout => rowOf(rollout, columns, Date.now()));
  for (const line of createTable(columns, terminal).lines(rows)) io.out(`${paint(line)}\n`);
};
