import { stringify } from 'yaml';

/** A file of its own, so that only who wants YAML loads it: a bundler gives a package that is loaded late no named exports. */
export const yamlText = (value: object): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
