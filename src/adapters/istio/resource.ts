/** A VirtualService or DestinationRule (`networking.istio.io`, v1 and v1beta1 alike) as the API server sent it. */
export type MeshObject = {
  readonly metadata?:
    | {
        readonly name?: string | undefined;
        readonly namespace?: string | undefined;
        readonly resourceVersion?: string | undefined;
        readonly annotations?: Readonly<Record<string, string>> | undefined;
        /** Field manager that wrote `spec.http` last, if we did not; kept by the watch instead of `managedFields`. */
        readonly routesWriter?: string | undefined;
      }
    | undefined;
  readonly spec?: unknown;
};

export type MeshKind = 'VirtualService' | 'DestinationRule';

/** The objects of one kind, filled by a watch; own writes are put in at once. */
export type ObjectCache = {
  get(namespace: string, name: string): MeshObject | undefined;
  list(): Iterable<MeshObject>;
  /** Calls back after an object was added, changed (also by `put`) or deleted; then `after` is `undefined`. */
  onChange(callback: (before: MeshObject | undefined, after: MeshObject | undefined) => void): void;
  /** Stores the answer to a write, unless the cache already has a newer one. */
  put(object: MeshObject): void;
};

/** RFC 6902, the operations that are used here. */
export type JsonPatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

export type Fields = { readonly [field: string]: unknown };

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value as an object; `{}` for everything else. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A string that says something; the API server treats an empty one as absent. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

export const namespaceOf = (object: MeshObject): string => object.metadata?.namespace ?? '';

/** `namespace/name`. */
export const keyOf = (object: MeshObject): string => `${namespaceOf(object)}/${object.metadata?.name ?? ''}`;

export const annotationOf = (object: MeshObject, annotation: string): string | undefined =>
  object.metadata?.annotations?.[annotation];

/** Looks up `namespace/name`. */
export function getByKey(cache: ObjectCache, key: string): MeshObject | undefined {
  const { namespace, name } = splitKey(key);
  return cache.get(namespace, name);
}

/** Takes `namespace/name` apart. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
