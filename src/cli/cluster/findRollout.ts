import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { type KubeObject, type Resource, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import { toRollout } from '../../adapters/kubernetes/rollouts.ts';
import { nearest } from '../../config/yaml/nearest.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import type { Cluster } from './cluster.ts';
import { isWithoutDefinition } from './nextStep.ts';

/** A Rollout, and the object as the API server has it. */
export type FoundRollout = { readonly rollout: StoredRollout; readonly object: KubeObject };

type Where = Pick<Cluster, 'client' | 'namespace'>;

/** Reads a Rollout by its name. Throws KubeError; when there is none of that name, with names that there are. */
export const findRollout = async ({ client, namespace }: Where, name: string): Promise<FoundRollout> => {
  try {
    const object = await client.get(ROLLOUTS, { namespace, name });
    const rollout = toRollout(object);
    if (rollout !== undefined) return { rollout, object };
  } catch (error) {
    if (!(error instanceof KubeError) || error.code !== 404 || isWithoutDefinition(error)) throw error;
    throw await unknownName({ client, namespace }, name);
  }
  throw new KubeError(`getting rollouts ${namespace}/${name}`, {
    kind: 'badAnswer',
    reason: 'the object has no spec, expected a Rollout of Sluice',
  });
};

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', namespaced: false };
const MOST_NAMES = 8;
/** More than anybody looks through; what is near is found among them, or not at all. */
const MOST_LISTED = 500;

const unknownName = async ({ client, namespace }: Where, name: string): Promise<KubeError> => {
  const namesOf = async (resource: Resource, query: { readonly namespace?: string } = {}): Promise<readonly KubeObject[]> =>
    (await client.list(resource, { ...query, limit: MOST_LISTED })).items;
  const [here, everywhere, namespaces] = await Promise.all([
    namesOf(ROLLOUTS, { namespace }).catch(() => undefined),
    namesOf(ROLLOUTS).catch(() => []),
    namesOf(NAMESPACES).catch(() => []),
  ]);
  const reason = [
    'there is no such Rollout',
    elsewhere(everywhere, name) ??
      near(name, here) ??
      unknownNamespace(
        namespace,
        namespaces.map(({ metadata }) => metadata.name ?? ''),
      ) ??
      present(here, namespace),
  ];
  return new KubeError(`looking for rollouts ${namespace}/${name}`, { kind: 'notFound', code: 404, reason: reason.join('; ') });
};

const elsewhere = (objects: readonly KubeObject[], name: string): string | undefined => {
  const places = objects.filter(({ metadata }) => metadata.name === name).map(({ metadata }) => metadata.namespace);
  return places.length === 0 ? undefined : `there is one in ${places.join(', ')}: add -n ${places[0]}`;
};

const near = (name: string, objects: readonly KubeObject[] | undefined): string | undefined => {
  const found = nearest(name, objects?.map(({ metadata }) => metadata.name ?? '') ?? []);
  return found === undefined ? undefined : `did you mean ${found}?`;
};

const unknownNamespace = (namespace: string, known: readonly string[]): string | undefined => {
  if (known.length === 0 || known.includes(namespace)) return undefined;
  const found = nearest(namespace, known);
  return `there is no such namespace${found === undefined ? '; choose one with -n' : `, did you mean -n ${found}?`}`;
};

const present = (objects: readonly KubeObject[] | undefined, namespace: string): string => {
  if (objects === undefined) return 'which ones there are you may not list';
  if (objects.length === 0)
    return 'it has none at all: choose another namespace with -n, or look everywhere with `sluice get -A`';
  const names = objects.slice(0, MOST_NAMES).map(({ metadata }) => metadata.name);
  const more = objects.length > MOST_NAMES ? ` and ${objects.length - MOST_NAMES} more (sluice get -n ${namespace})` : '';
  return `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}${more}`;
};
