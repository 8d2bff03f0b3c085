import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../real/bed/kubernetes.ts';

/** Where the examples are. */
export const EXAMPLES = resolve(import.meta.dirname, '../../examples');

/** All files with objects, as `folder/file.yaml`; a configuration of Sluice has none. */
export const manifestFiles = (): readonly string[] =>
  readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter(file => /\.yaml$/.test(file) && !/(?:scenario[^/]*|sluice\.yaml)$/.test(file))
    .sort();

/** The objects of one file, as they stand there. */
export const objectsIn = (file: string): readonly KubernetesObject[] =>
  parseAllDocuments(readFileSync(join(EXAMPLES, file), 'utf8')).map(document => document.toJS() as KubernetesObject);

/** The address of users that a file calls `name.example.com`, for the example that runs in a namespace. */
export const addressIn = (namespace: string, name: string): string => `${name}.${namespace}.example.com`;

/** The same objects in another namespace and under addresses of their own: examples share both, and tests run them side by side. */
export const placedIn = (namespace: string, objects: readonly KubernetesObject[]): readonly KubernetesObject[] =>
  objects.map(object => {
    const placed = JSON.parse(JSON.stringify(object), (key, value) => {
      if (key === 'namespace') return value === 'istio-system' ? value : namespace;
      return typeof value === 'string' ? value.replace(/\.example\.com$/, `.${namespace}.example.com`) : value;
    }) as KubernetesObject;
    return object.kind === 'Namespace' ? { ...placed, metadata: { ...placed.metadata, name: namespace } } : placed;
  });

/** How long what a Rollout waits for lasts in a test, by the names of its fields. */
export interface Pace {
  readonly duration: string;
  readonly bake: string;
  /** Until the old version is retired. */
  readonly after: string;
  readonly interval: string;
}

interface Gate {
  readonly name?: string;
  readonly prometheus?: { readonly metric?: string };
  readonly zipkin?: unknown;
  readonly threshold?: unknown;
  readonly baseline?: unknown;
}

interface Spec {
  readonly router?: { readonly istio?: object };
  readonly analysis?: { readonly gates?: readonly Gate[] };
}

/** A latency that no version has, on whatever machine. */
const EVER_MS = 120_000;
/** Few requests are enough to pass. */
const MIN_SAMPLES = 5;
/** In place of the default gates, whose limits come from ten minutes that a test does not have. */
const INSTEAD: readonly Gate[] = [{ name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } }];

const isLatency = (gate: Gate): boolean => gate.zipkin !== undefined || gate.prometheus?.metric === 'latency';

/** A machine that is busy makes no version slow. */
const lenient = ({ baseline: _, ...gate }: Gate): Gate => ({ ...gate, threshold: { max: EVER_MS } });

export interface Hurry {
  /** Default: a version that is slow on a busy machine passes. */
  readonly limits?: 'lenient' | 'asWritten';
}

/** The same Rollout in seconds. */
export const hurried = (rollout: KubernetesObject, pace: Pace, { limits = 'lenient' }: Hurry = {}): KubernetesObject => {
  const spec = JSON.parse(JSON.stringify(rollout['spec']), (key, value) => pace[key as keyof Pace] ?? value) as Spec;
  const gates = (spec.analysis?.gates ?? INSTEAD).map(gate => ({
    ...(limits === 'lenient' && isLatency(gate) ? lenient(gate) : gate),
    minSamples: MIN_SAMPLES,
  }));
  return {
    ...rollout,
    spec: {
      ...spec,
      router: { istio: { ...spec.router?.istio, settle: '500ms' } },
      analysis: { ...spec.analysis, interval: pace.interval, gates },
    },
  };
};
