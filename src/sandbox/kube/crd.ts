import { at, isObject, type KubeObject, listOf, numberOf, objectOf, stringOf } from './json.ts';
import type { Resource, ServedVersion } from './resources.ts';
import { resourceId } from './resources.ts';
import type { FieldError } from './status.ts';

const texts = (value: unknown): string[] => listOf(value).filter((item): item is string => typeof item === 'string');

function versionOf(value: unknown): ServedVersion {
  const version = objectOf(value);
  const schema = at(version, 'schema', 'openAPIV3Schema');
  const columns = listOf(version['additionalPrinterColumns']).map(item => {
    const column = objectOf(item);
    const format = stringOf(column['format']);
    return {
      name: stringOf(column['name']) ?? '',
      type: stringOf(column['type']) ?? 'string',
      jsonPath: stringOf(column['jsonPath']) ?? '',
      priority: numberOf(column['priority']) ?? 0,
      description: stringOf(column['description']) ?? '',
      ...(format ? { format } : {}),
    };
  });
  return { name: stringOf(version['name']) ?? '', columns, ...(isObject(schema) ? { schema } : {}) };
}

/** What a CustomResourceDefinition makes the API serve. */
export function resourceOfDefinition(definition: KubeObject): Resource {
  const spec = objectOf(definition['spec']);
  const names = objectOf(spec['names']);
  const group = stringOf(spec['group']) ?? '';
  const plural = stringOf(names['plural']) ?? '';
  const kind = stringOf(names['kind']) ?? '';
  const versions = listOf(spec['versions']).map(objectOf);
  const stored = versions.find(version => version['storage'] === true);
  return {
    id: resourceId(group, plural),
    group,
    plural,
    kind,
    singular: stringOf(names['singular']) ?? kind.toLowerCase(),
    namespaced: spec['scope'] !== 'Cluster',
    shortNames: texts(names['shortNames']),
    categories: texts(names['categories']),
    versions: versions.filter(version => version['served'] === true).map(versionOf),
    storageVersion: stringOf(stored?.['name']) ?? '',
    hasStatus: versions.some(version => isObject(at(version, 'subresources', 'status'))),
    hasScale: false,
    custom: true,
    review: false,
  };
}

const required = (field: string): FieldError => ({ reason: 'FieldValueRequired', field, message: 'Required value' });

/** What is wrong with a definition itself; only what would make it unservable. */
export function definitionErrors(definition: KubeObject): FieldError[] {
  const spec = objectOf(definition['spec']);
  const names = objectOf(spec['names']);
  const errors: FieldError[] = [];
  for (const key of ['group', 'scope']) if (!stringOf(spec[key])) errors.push(required(`spec.${key}`));
  for (const key of ['plural', 'kind']) if (!stringOf(names[key])) errors.push(required(`spec.names.${key}`));
  const versions = listOf(spec['versions']).map(objectOf);
  if (versions.length === 0) errors.push(required('spec.versions'));
  versions.forEach((version, index) => {
    if (!isObject(at(version, 'schema', 'openAPIV3Schema')))
      errors.push(required(`spec.versions[${index}].schema.openAPIV3Schema`));
  });
  if (versions.filter(version => version['storage'] === true).length !== 1) {
    errors.push({
      reason: 'FieldValueInvalid',
      field: 'spec.versions',
      message: 'Invalid value: must have exactly one version marked as storage version',
    });
  }
  const expected = `${names['plural']}.${spec['group']}`;
  if (definition.metadata.name !== expected) {
    const message = `Invalid value: "${definition.metadata.name}": must be spec.names.plural+"."+spec.group`;
    errors.push({ reason: 'FieldValueInvalid', field: 'metadata.name', message });
  }
  return errors;
}

/** The status that says that the definition's names are accepted and served. */
export function establishedStatus(definition: KubeObject): KubeObject {
  const spec = objectOf(definition['spec']);
  const lastTransitionTime = definition.metadata.creationTimestamp ?? '';
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    reason,
    message,
    lastTransitionTime,
  });
  const stored = listOf(spec['versions'])
    .map(objectOf)
    .find(version => version['storage'] === true);
  return {
    ...definition,
    status: {
      acceptedNames: objectOf(spec['names']),
      storedVersions: [stringOf(stored?.['name']) ?? ''],
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
    },
  };
}
