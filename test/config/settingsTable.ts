import { z } from 'zod';
import { NOT_SUPPORTED_YET } from '../../src/config/later.ts';
import { settingsSchema } from '../../src/config/settings.ts';

export type Setting = {
  readonly path: string;
  readonly byDefault: string;
  readonly meaning: string;
  readonly state: 'now' | 'later';
};

/** Every single setting that the schema knows. */
export const settings = (): readonly Setting[] => leaves(settingsSchema, '', 'required');

function leaves(schema: unknown, path: string, byDefault: string): readonly Setting[] {
  if (schema instanceof z.ZodOptional) return describedBy(schema, leaves(schema.unwrap(), path, ''));
  if (schema instanceof z.ZodDefault) return describedBy(schema, leaves(schema.unwrap(), path, shown(schema.def.defaultValue)));
  if (schema instanceof z.ZodPrefault) return leaves(schema.unwrap(), path, '');
  if (schema instanceof z.ZodPipe) return describedBy(schema, leaves(schema.def.in, path, byDefault));
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([name, child]) =>
      leaves(child, path === '' ? name : `${path}.${name}`, 'required'),
    );
  }
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) return leaves(schema.element, `${path}[]`, '');
  if (schema instanceof z.ZodRecord && schema.valueType instanceof z.ZodObject)
    return leaves(schema.valueType, `${path}.NAME`, '');
  const meaning = schema instanceof z.ZodType ? (schema.description ?? '') : '';
  return [{ path, byDefault, meaning, state: isLater(path) ? 'later' : 'now' }];
}

/** A description stands on the outermost schema that has one. */
function describedBy(schema: z.ZodType, found: readonly Setting[]): readonly Setting[] {
  const [only] = found;
  return found.length === 1 && only !== undefined && only.meaning === ''
    ? [{ ...only, meaning: schema.description ?? '' }]
    : found;
}

const shown = (value: unknown): string => (typeof value === 'string' ? `\`${value || "''"}\`` : `\`${JSON.stringify(value)}\``);

const isLater = (path: string): boolean =>
  NOT_SUPPORTED_YET.some(later => path === later || path.startsWith(`${later}.`) || path.startsWith(`${later}[]`));

/** The table of docs/configuration.md, a line for each setting. */
export const tableLines = (): readonly string[] =>
  settings().map(
    ({ path, byDefault, meaning, state }) =>
      `| \`${path}\` | ${byDefault || '-'} | ${meaning.replaceAll('|', '\\|')} | ${state} |`,
  );
