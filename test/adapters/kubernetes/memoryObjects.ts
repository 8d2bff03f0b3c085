import { KubeError } from '../../../src/adapters/kubernetes/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/adapters/kubernetes/resources.ts';

export type Refusal = 'conflict' | 'notFound' | 'unavailable' | 'refused' | 'badAnswer';

const CODES = { conflict: 409, notFound: 404, unavailable: 503, refused: 403, badAnswer: 200 } as const;

export function refusal(kind: Refusal): KubeError {
  return new KubeError('writing object', { kind, code: CODES[kind], reason: kind });
}

/** Objects with versions, as the API server keeps them, and failures when a test wants them. */
export function createMemoryObjects() {
  const objects = new Map<string, KubeObject>();
  const calls: string[] = [];
  let version = 0;
  let failing: Refusal | undefined;
  const key = (ref: ObjectRef) => `${ref.namespace}/${ref.name}`;

  async function called(verb: string): Promise<void> {
    calls.push(verb);
    if (failing) throw refusal(failing);
  }

  function store(object: KubeObject): KubeObject {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    objects.set(`${object.metadata.namespace}/${object.metadata.name}`, stored);
    return stored;
  }

  return {
    calls,
    objects,
    store,
    fail: (kind: Refusal | undefined) => {
      failing = kind;
    },
    get: async (_: Resource, ref: ObjectRef): Promise<KubeObject> => {
      await called('get');
      const found = objects.get(key(ref));
      if (!found) throw refusal('notFound');
      return found;
    },
    create: async (_: Resource, object: KubeObject): Promise<KubeObject> => {
      await called('create');
      if (objects.has(`${object.metadata.namespace}/${object.metadata.name}`)) throw refusal('conflict');
      return store(object);
    },
    replace: async (_: Resource, object: KubeObject): Promise<KubeObject> => {
      await called('replace');
      const found = objects.get(`${object.metadata.namespace}/${object.metadata.name}`);
      if (!found) throw refusal('notFound');
      if (found.metadata.resourceVersion !== object.metadata.resourceVersion) throw refusal('conflict');
      return store(object);
    },
  };
}
