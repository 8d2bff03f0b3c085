import { type Logger, SystemError } from '../../src/controller/ports.ts';
import type {
  Authors,
  GitContent,
  GitPlace,
  RolloutOrigin,
  RolloutParser,
  RolloutWriter,
  SourcedRollout,
  SourcedRollouts,
} from '../../src/controller/source-ports.ts';
import { createSource, type SourceProblem, type SourceStatus, type SourceTurn } from '../../src/controller/sources.ts';

type Log = { level: string; message: string; fields: Record<string, unknown> };
type Live = { version: unknown; origin: Pick<RolloutOrigin, 'source' | 'revision' | 'path'> & { authors?: string } };

/** One Rollout per line `namespace/name version`; a line that starts with `!` is an error. */
const parser: RolloutParser = (text, file) => {
  if (text === 'break the parser') throw new Error('the parser is broken');
  const lines = text.split('\n').map((line, index) => ({ line, number: index + 1 }));
  return {
    rollouts: lines
      .filter(({ line }) => !line.startsWith('!'))
      .map(({ line, number }) => ({ ...manifest(line), line: number, column: 1 })),
    problems: lines
      .filter(({ line }) => line.startsWith('!'))
      .map(({ line, number }) => ({
        file,
        line: number,
        column: 1,
        path: 'spec',
        message: line.slice(1),
        suggestion: 'did you mean 1?',
      })),
  };
};

function manifest(line: string) {
  const [key = '', version, annotation] = line.split(' ');
  const [namespace, name = ''] = key.split('/');
  const annotations = annotation === undefined ? {} : { annotations: { [annotation]: 'x' } };
  const place = namespace === '' ? {} : { namespace };
  return { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { name, ...place, ...annotations }, spec: { version } };
}

/** The Rollouts of a cluster, shared by the sources that write to it. */
export function createCluster() {
  const live = new Map<string, Live>();
  const meta = new Map<string, { uid: string; generation: number; isDeleting: boolean; label: string | undefined }>();
  const callbacks: ((key: string) => void)[] = [];
  let uids = 0;

  const toObject = (key: string): SourcedRollout | undefined => {
    const entry = live.get(key);
    if (entry === undefined) return undefined;
    const { source, ...place } = entry.origin;
    const { label = source, ...rest } = meta.get(key) ?? { uid: key, generation: 1, isDeleting: false };
    const [namespace = '', name = ''] = key.split('/');
    const labels: Record<string, string> = label === '' ? {} : { 'sluice.dev/source': label };
    const object = { namespace, name, ...rest, labels, annotations: {}, ...place };
    return label === '' ? object : { ...object, source: label };
  };
  const objects: SourcedRollouts = {
    get: toObject,
    list: source => [...live.keys()].flatMap(key => toObject(key) ?? []).filter(object => object.source === source),
    onChange: callback => void callbacks.push(callback),
  };
  const tell = (key: string) => {
    for (const callback of callbacks) callback(key);
  };
  const put = (key: string, entry: Live, label?: string) => {
    const before = live.has(key) ? meta.get(key) : undefined;
    uids += 1;
    live.set(key, entry);
    const generation = (before?.generation ?? 0) + 1;
    meta.set(key, { uid: before?.uid ?? `uid${uids}`, generation, isDeleting: false, label: label ?? before?.label });
    tell(key);
  };
  return {
    live,
    objects,
    tell,
    put,
    /** Somebody else sets the version, or the label (empty: takes it away). */
    edit: (key: string, version: string, label?: string) => {
      const entry = live.get(key);
      if (entry !== undefined) put(key, { ...entry, version }, label);
    },
    /** Somebody else deletes it; with a finalizer it stays for now. */
    delete: (key: string, hasFinalizer = false) => {
      const known = meta.get(key);
      if (hasFinalizer && known !== undefined) meta.set(key, { ...known, isDeleting: true });
      else live.delete(key) && meta.delete(key);
      tell(key);
    },
  };
}

type WorldOptions = {
  readonly namespaces?: readonly string[];
  readonly prune?: boolean;
  readonly name?: string;
  readonly cluster?: ReturnType<typeof createCluster>;
};

export function createWorld({
  namespaces = ['weather', 'shop'],
  prune = true,
  name = 'fleet',
  cluster = createCluster(),
}: WorldOptions = {}) {
  const logs: Log[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    logs.push({ level, message, fields: fields as Record<string, unknown> });
  };
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), child: () => logger };

  const git = { oid: '', files: {} as Record<string, string>, unreadable: [] as GitContent['problems'], polls: 0, reads: 0 };
  const asked: { oid: string; file: string; before: GitPlace | undefined }[] = [];
  const world = {
    logs,
    git,
    nowMs: 1_000,
    /** Questions for authors, and the answer to the next ones. */
    asked,
    authors: async (): Promise<Authors> => ({ people: [] }),
    gitError: undefined as Error | undefined,
    /** What the API server answers to a write of this key. */
    writeError: (_key: string): Error | undefined => undefined,
    cluster: cluster.live,
    edit: cluster.edit,
    delete: cluster.delete,
    tell: cluster.tell,
    writes: [] as string[],
    removals: [] as string[],
    /** Parsing and writing in the order in which they happened. */
    steps: [] as string[],
    problems: [] as SourceProblem[],
    concerned: [] as (readonly string[])[],
    syncs: [] as SourceStatus[],
    turns: [] as SourceTurn[],
    tick: async () => {},
    stopped: false,
    hold: undefined as Promise<void> | undefined,
    commit: (files: Record<string, string>) => {
      git.oid = `${Number(git.oid || '0') + 1}`;
      git.files = files;
    },
  };
  const found = (key: string): SourcedRollout => {
    const object = cluster.objects.get(key);
    if (object === undefined) throw new Error(`no ${key} in the cluster`);
    return object;
  };
  const writer: RolloutWriter = {
    apply: async ({ metadata, spec }, { authors, written, ...given }, signal) => {
      const key = `${metadata.namespace}/${metadata.name}`;
      world.writes.push(key);
      world.steps.push(`write ${key}`);
      const error = world.writeError(key);
      if (error !== undefined) throw error;
      const before = cluster.live.get(key);
      const owner = cluster.objects.get(key)?.source;
      if (before !== undefined && owner !== given.source) {
        throw new SystemError('kubernetes', `applying ${key}`, 'refused', `it belongs to ${owner}`);
      }
      const { version } = spec as { version: unknown };
      if (before?.version === version && before?.origin.path === given.path) {
        return { outcome: 'unchanged', object: found(key) };
      }
      const place = before === undefined ? undefined : { revision: before.origin.revision, path: before.origin.path };
      const { people } = written === undefined ? await authors(place, signal) : { people: [] };
      const mark = written ?? (people.length === 0 ? {} : { authors: people.join() });
      const origin = { ...given, ...JSON.parse(JSON.stringify(mark)) };
      cluster.put(key, { version, origin });
      return { outcome: before === undefined ? 'created' : 'changed', object: found(key), lastManager: 'kubectl-edit' };
    },
    remove: async ({ namespace, name: ofRollout }) => {
      const key = `${namespace}/${ofRollout}`;
      world.removals.push(key);
      const error = world.writeError(key);
      if (error !== undefined) throw error;
      cluster.delete(key);
      return 'deleted';
    },
  };
  const source = createSource({
    config: { name, namespaces, schedule: '*/30 * * * * *', prune },
    repository: {
      poll: async signal => {
        git.polls += 1;
        await world.hold;
        signal.throwIfAborted();
        if (world.gitError !== undefined) throw world.gitError;
        return { oid: git.oid };
      },
      read: async oid => {
        git.reads += 1;
        const files = Object.entries(git.files).map(([path, text]) => ({ path, text }));
        return { oid, revision: `main@sha1:${oid}`, files, problems: git.unreadable };
      },
      history: oid => ({
        authorsOf: async (file, before) => {
          asked.push({ oid, file, before });
          return await world.authors();
        },
      }),
      close: () => {},
    },
    parser: (text, file) => {
      world.steps.push(`parse ${file}`);
      return parser(text, file);
    },
    writer,
    objects: cluster.objects,
    scheduler: (_, callback) => {
      world.tick = callback;
      return {
        stop: () => {
          world.stopped = true;
        },
      };
    },
    logger,
    clock: { now: () => world.nowMs },
    onSync: (status, turn) => {
      world.syncs.push(status);
      world.turns.push(turn);
    },
    onProblem: (problem, concerned) => {
      world.problems.push(problem);
      world.concerned.push(concerned);
    },
  });
  return Object.assign(world, {
    source,
    /** Ends when the turns that a change has caused are over. */
    settled: async () => {
      for (let i = 0; i < 50; i += 1) await Promise.resolve();
    },
    versions: () => Object.fromEntries([...world.cluster].map(([key, { version }]) => [key, version])),
  });
}
