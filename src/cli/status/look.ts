import { readable, rolloutView } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { findRollout } from '../cluster/findRollout.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type Format, formatted } from '../terminal/output.ts';
import { paint } from '../terminal/paint.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Line } from '../terminal/text.ts';
import { endingOf } from './ending.ts';
import { createServiceReader, readPods } from './findPods.ts';
import { lowerTree, upperTree } from './tree.ts';

export type Place = { readonly io: CliIo; readonly terminal: Terminal };

export type Asked = { readonly name: string; readonly output?: Format; readonly timeoutMs?: number };

/** One look; answers the exit code. The Rollout is shown before its pods are known. Throws SystemError. */
export const lookAt = async ({ io, terminal }: Place, cluster: Cluster, { name, output }: Asked): Promise<number> => {
  const readService = createServiceReader(cluster.client, cluster.namespace, name);
  const rollout = readable((await findRollout(cluster, name)).rollout);
  const nowMs = Date.now();
  const view = rolloutView(rollout, nowMs);
  const pods = readPods(cluster.client, rollout, view.versions, readService);
  if (output !== undefined) {
    io.out(await formatted({ ...view, pods: await pods }, output));
  } else {
    const style = { width: terminal.columns(), isAscii: terminal.isAscii };
    const write = (lines: readonly Line[]): void => io.out(lines.map(line => `${paint(line)}\n`).join(''));
    write(upperTree({ view, nowMs }, style));
    write(lowerTree({ view, nowMs, pods: await pods }, style));
  }
  return endingOf(rollout) ?? EXIT.done;
};
