import type { Fields } from './resource.ts';
import { fieldsOf, listOf, textOf } from './resource.ts';

/** Under this name the API server records what we write. */
export const FIELD_MANAGER = 'sluice';

type WithMetadata = { readonly metadata: Fields };

/**
 * Keeps of `metadata.managedFields` only who wrote `spec.http` last, as `metadata.routesWriter`. That list is atomic: who
 * changes it takes it from all others, so it is not there as long as the routes are as we wrote them. Status and other
 * subresources do not count. Of several that wrote the same it is the latest.
 */
export function withRoutesWriter<T extends WithMetadata>(object: T): T {
  const { managedFields, ...metadata } = object.metadata;
  const writer = routesWriterOf(managedFields);
  return { ...object, metadata: { ...metadata, ...(writer === undefined ? {} : { routesWriter: writer }) } };
}

function routesWriterOf(managedFields: unknown): string | undefined {
  const owners = listOf(managedFields)
    .map(fieldsOf)
    .filter(entry => textOf(entry['subresource']) === undefined && ownsRoutes(entry));
  if (owners.some(entry => entry['manager'] === FIELD_MANAGER)) return undefined;
  const latest = owners.sort((a, b) => timeOf(b) - timeOf(a))[0];
  return textOf(latest?.['manager']);
}

const ownsRoutes = (entry: Fields): boolean => fieldsOf(fieldsOf(entry['fieldsV1'])['f:spec'])['f:http'] !== undefined;

const timeOf = (entry: Fields): number => Date.parse(textOf(entry['time']) ?? '') || 0;
