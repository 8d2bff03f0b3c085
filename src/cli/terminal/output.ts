/** How a result is written for programs. */
export type Format = 'json' | 'yaml';

/** A document with its line end. */
export const formatted = async (value: object, format: Format): Promise<string> => {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  const { yamlText } = await import('./yamlText.ts');
  return yamlText(value);
};
