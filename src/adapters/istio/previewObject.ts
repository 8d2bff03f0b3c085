import { POSITION_ANNOTATION } from './position.ts';
import { type Fields, fieldsOf, type MeshKind, type MeshObject } from './resource.ts';

const SHOWN_METADATA = ['name', 'namespace', 'labels'];
/** A copy of the whole object, and what says where the rollout stands: both are for programs. */
const HIDDEN_ANNOTATIONS = ['kubectl.kubernetes.io/last-applied-configuration', POSITION_ANNOTATION];

/** A routing object as people write it: without status, position, and what only the API server fills. */
export const shownObject = (kind: MeshKind, object: MeshObject): object => {
  const { apiVersion, spec } = object as Fields;
  const { annotations, ...metadata } = fieldsOf(object.metadata);
  const kept = without(fieldsOf(annotations), HIDDEN_ANNOTATIONS);
  return {
    apiVersion: typeof apiVersion === 'string' ? apiVersion : 'networking.istio.io/v1',
    kind,
    metadata: {
      ...Object.fromEntries(SHOWN_METADATA.flatMap(field => (metadata[field] === undefined ? [] : [[field, metadata[field]]]))),
      ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }),
    },
    spec,
  };
};

const without = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
