import { readdirSync, readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import {
  type Fields,
  fieldsOf,
  keyOf,
  listOf,
  type MeshObject,
  namespaceOf,
  textOf,
} from '../../../../src/adapters/istio/resource.ts';
import type { IstioRouterSpec } from '../../../../src/rollout/index.ts';

/** One situation of the corpus: the objects of a mesh, and what a Rollout of `bookinfo/reviews` from v1 to v2 is to find there. */
export type Case = {
  readonly name: string;
  readonly file: string;
  readonly virtualServices: readonly MeshObject[];
  readonly rules: readonly MeshObject[];
  readonly router: IstioRouterSpec;
  /** As people write it. */
  readonly host: string;
  /** Full name. */
  readonly fullHost: string;
  readonly versionLabel: string;
  /** Names of subsets by version, where they are not the version itself. */
  readonly subsets: Readonly<Record<string, string>>;
  /** Indexes of the http routes that are steered, by the key of their object; objects that are only read are absent. */
  readonly steered: ReadonlyMap<string, readonly number[]>;
  /** Versions that this Rollout steered before. */
  readonly earlier: readonly string[];
  /** The Rollout finds nothing to steer, and says this. */
  readonly refused?: string;
  /** Weight of the new version cannot be written, with this sentence. */
  readonly unwritable?: string;
  /** Sentences with which parts of a write are refused: `header`, `mirror`, `sticky`. */
  readonly refuses: Readonly<Record<string, string>>;
};

const FOLDER = new URL('./', import.meta.url);
const HOUSE_RULE = {
  host: 'reviews',
  subsets: ['v1', 'v2', 'v3'].map(version => ({ name: version, labels: { version } })),
};

type Document = MeshObject & { readonly kind?: unknown };

const annotation = (object: MeshObject, name: string): string | undefined => object.metadata?.annotations?.[`corpus/${name}`];

function documentsIn(file: string): readonly Document[] {
  return parseAllDocuments(readFileSync(new URL(file, FOLDER), 'utf8')).map(document => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]?.message}`);
    const object: Document = fieldsOf(document.toJS());
    return {
      ...object,
      metadata: { ...object.metadata, namespace: object.metadata?.namespace ?? 'bookinfo', resourceVersion: '7' },
    };
  });
}

const house = (): MeshObject => ({
  metadata: { namespace: 'bookinfo', name: 'reviews', resourceVersion: '7' },
  spec: HOUSE_RULE,
});

function steeredIn(object: MeshObject): readonly (readonly [string, readonly number[]])[] {
  const text = annotation(object, 'steered') ?? '0';
  return text === 'none' ? [] : [[keyOf(object), text.split(',').map(Number)]];
}

function caseOf(file: string, name: string, objects: readonly Document[]): Case {
  const said = (what: string): Fields => fieldsOf(parse(objects.map(object => annotation(object, what) ?? '').join('')));
  const sentence = (what: string) => objects.map(object => annotation(object, what)).find(text => text !== undefined);
  const { host, subsets, versionLabel } = said('rollout');
  const virtualServices = objects.filter(({ kind }) => kind === 'VirtualService');
  const rules = objects.filter(({ kind }) => kind === 'DestinationRule');
  const [refused, unwritable] = [sentence('refused'), sentence('unwritable')];
  const written = textOf(host) ?? 'reviews';
  return {
    name,
    file,
    virtualServices,
    rules: rules.length === 0 ? [house()] : rules,
    router: said('router') satisfies IstioRouterSpec,
    host: written,
    fullHost: written.includes('.') ? written : `${written}.bookinfo.svc.cluster.local`,
    versionLabel: textOf(versionLabel) ?? 'version',
    subsets: Object.fromEntries(Object.entries(fieldsOf(subsets)).map(([version, subset]) => [version, String(subset)])),
    steered: new Map(virtualServices.flatMap(steeredIn)),
    earlier: sentence('earlier')?.split(',') ?? [],
    ...(refused === undefined ? {} : { refused }),
    ...(unwritable === undefined ? {} : { unwritable }),
    refuses: Object.fromEntries(Object.entries(said('refuses')).map(([what, why]) => [what, String(why)])),
  };
}

/** All cases, file by file. */
export function readCorpus(): readonly Case[] {
  const files = readdirSync(FOLDER).filter(file => file.endsWith('.yaml'));
  return files.sort().flatMap(file => {
    const groups = new Map<string, Document[]>();
    for (const object of documentsIn(file)) {
      const name = annotation(object, 'case') ?? `a document without a name in ${file}`;
      groups.set(name, [...(groups.get(name) ?? []), object]);
    }
    return [...groups].map(([name, objects]) => caseOf(file, name, objects));
  });
}

/** A destination as the mesh reads it. */
export type Reading = {
  readonly host: string;
  readonly subset: string | undefined;
  readonly weight: number;
  readonly entry: Fields;
};

/** The destinations of the http route; a single one gets 100, whatever its weight. */
export function destinationsOf(route: Fields, object: MeshObject): readonly Reading[] {
  const entries = listOf(route['route']).map(fieldsOf);
  return entries.map(entry => {
    const { host, subset } = fieldsOf(entry['destination']);
    const name = String(host);
    const full = name.includes('.') ? name : `${name}.${namespaceOf(object)}.svc.cluster.local`;
    const weight = entries.length === 1 ? 100 : Number(entry['weight'] ?? 0);
    return { host: full, subset: textOf(subset), weight, entry };
  });
}

export const httpOf = (object: MeshObject): readonly Fields[] => listOf(fieldsOf(object.spec)['http']).map(fieldsOf);
