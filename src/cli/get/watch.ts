import { type KubeObject, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { rolloutLine } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { follow } from '../cluster/follow.ts';
import { formatted } from '../terminal/output.ts';
import { paint } from '../terminal/paint.ts';
import { choose, isChosen } from './choice.ts';
import { createTable, rowOf } from './rows.ts';
import { nameLine, type Place, rolloutIn, type Wanted } from './wanted.ts';

/** Goes on until the process is ended; rejects with a SystemError when the cluster answers, and does not want it. */
export const watchRollouts = async (place: Place, { client, namespace }: Cluster, wanted: Wanted): Promise<never> => {
  const writer = createWriter(place, wanted);
  const { io } = place;
  const [name] = wanted.names;
  const scope = {
    resource: ROLLOUTS,
    ...(wanted.everywhere ? {} : { namespace }),
    ...(wanted.names.length === 1 && name !== undefined ? { fieldSelector: `metadata.name=${name}` } : {}),
  };
  let following: ReturnType<typeof follow> | undefined;
  try {
    return await new Promise<never>((_, reject) => {
      following = follow(client, scope, {
        ...createKeeper(writer, wanted),
        away: reason => io.err(`${reason}; trying again\n`),
        back: () => io.err('the API server answers again\n'),
        refused: reject,
      });
    });
  } finally {
    await following?.stop();
  }
};

type Writer = { write(rollouts: readonly StoredRollout[], gone?: boolean): void };

/** Remembers what was shown: a change that nobody would see makes no line. */
const createKeeper = (writer: Writer, wanted: Wanted) => {
  const shown = new Map<string, { readonly rollout: StoredRollout; readonly text: string }>();
  const news = (rollout: StoredRollout): boolean => {
    const text = JSON.stringify(rolloutLine(rollout));
    const before = shown.get(rollout.uid);
    if (before?.text === text || !isNamed(rollout, wanted)) return false;
    const wasChosen = before !== undefined && isChosen(before.rollout, wanted);
    shown.set(rollout.uid, { rollout, text });
    // what leaves the choice is shown once more, as it is now
    return wasChosen || isChosen(rollout, wanted);
  };
  const remove = ({ uid, rollout }: { readonly uid: string; readonly rollout: StoredRollout }): void => {
    if (shown.delete(uid) && isChosen(rollout, wanted)) writer.write([rollout], true);
  };
  return {
    replace: (objects: readonly KubeObject[]) => {
      const rollouts = objects.flatMap(rolloutIn);
      for (const [uid, { rollout }] of [...shown]) if (!rollouts.some(known => known.uid === uid)) remove({ uid, rollout });
      const fresh = rollouts.filter(news);
      const inOrder = choose(fresh, { ...wanted, phases: [], attention: false });
      if (inOrder.length > 0) writer.write(inOrder);
    },
    set: (object: KubeObject) => {
      const fresh = rolloutIn(object).filter(news);
      if (fresh.length > 0) writer.write(fresh);
    },
    delete: (object: KubeObject) => {
      for (const rollout of rolloutIn(object)) remove({ uid: rollout.uid, rollout });
    },
  };
};

const isNamed = ({ name }: StoredRollout, { names }: Wanted): boolean => names.length === 0 || names.includes(name);

/** Programs get one document for each change: JSON in a line of its own, YAML behind `---`. */
const createWriter = ({ io, terminal }: Place, { output, everywhere }: Wanted): Writer => {
  const columns = { namespace: everywhere, wide: output === 'wide' };
  const table = createTable(columns, terminal);
  return {
    write: (rollouts, gone = false) => {
      if (output === 'name') return io.out(rollouts.map(nameLine).join(''));
      if (output === 'json' || output === 'yaml') {
        for (const rollout of rollouts)
          writeDocument(io, { ...rolloutLine(rollout), ...(gone ? { deleted: true } : {}) }, output);
        return;
      }
      const rows = rollouts.map(rollout => rowOf(rollout, columns, Date.now(), gone));
      for (const line of table.lines(rows)) io.out(`${paint(line)}\n`);
    },
  };
};

const writeDocument = (io: Place['io'], document: object, output: 'json' | 'yaml'): void => {
  if (output === 'json') io.out(`${JSON.stringify(document)}\n`);
  else void formatted(document, 'yaml').then(text => io.out(`---\n${text}`));
};
