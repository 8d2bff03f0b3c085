import type { SeenWorkload } from '../../adapters/prometheus/seenWorkloads.ts';
import type { VersionSelector } from '../../controller/ports.ts';

/** One version, and how it was found. */
export type Side = VersionSelector & {
  /** Where the workloads come from. */
  readonly origin: 'option' | 'pods' | 'metrics' | 'name';
  /** Prometheus knows requests of them in this time; absent: it was not asked. */
  readonly isSeen?: boolean;
};

export type Clues = {
  /** Named by a person. */
  readonly named: readonly string[] | undefined;
  /** Of the pods that run now. */
  readonly ofPods: readonly string[];
  /** What Prometheus has in this time; absent: it was not asked. */
  readonly seen: readonly SeenWorkload[] | undefined;
  /** The name of the Service. */
  readonly service: string;
};

/**
 * The workloads of a version: those that a person names; else those of its pods; else, as pods of the past are gone, those
 * that the metrics call by this version; else the one that is usually called so. What Prometheus has no requests of gives
 * way to what it has some of.
 */
export const workloadsOf = (version: string, { named, ofPods, seen, service }: Clues): Omit<Side, 'version' | 'subset'> => {
  const isSeen = (workloads: readonly string[]): boolean => seen?.some(({ workload }) => workloads.includes(workload)) ?? false;
  const ways: readonly Pick<Side, 'origin' | 'workloads'>[] = [
    ...(named === undefined ? [] : [{ origin: 'option' as const, workloads: named }]),
    { origin: 'pods', workloads: ofPods },
    { origin: 'metrics', workloads: called(version, seen ?? []) },
    { origin: 'name', workloads: [`${service}-${version}`] },
  ];
  const possible = ways.filter(({ workloads }) => workloads.length > 0);
  const [first] = possible;
  const chosen = first?.origin === 'option' ? first : (possible.find(({ workloads }) => isSeen(workloads)) ?? first);
  const { origin, workloads } = chosen ?? { origin: 'name' as const, workloads: [] };
  return { origin, workloads, ...(seen === undefined ? {} : { isSeen: isSeen(workloads) }) };
};

/** The canonical revision only where nothing has the version: other labels than the version may have decided it. */
const called = (version: string, seen: readonly SeenWorkload[]): readonly string[] => {
  const byLabel = seen.filter(one => one.version === version);
  const found = byLabel.length > 0 ? byLabel : seen.filter(one => one.revision === version);
  return [...new Set(found.map(({ workload }) => workload))].sort();
};

/** How the workloads of a version were found, for people. */
export const originOf = ({ origin, workloads, isSeen }: Side): string => {
  const noun = workloads.length === 1 ? 'workload' : 'workloads';
  const how = {
    option: 'as asked for',
    pods: workloads.length === 1 ? 'whose pods run now' : 'of the pods that run now',
    metrics: 'as the metrics of that time name this version',
    name: isSeen === true ? 'by its name in the metrics of that time' : 'assumed from its name: no pod and no metric tells',
  }[origin];
  return `${noun} ${workloads.join(', ')}, ${how}`;
};
