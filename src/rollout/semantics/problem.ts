import type { SpecProblem } from '../spec.ts';

export const error = (path: string, message: string, suggestion?: string): SpecProblem => ({
  path,
  message,
  severity: 'error',
  ...(suggestion === undefined ? {} : { suggestion }),
});
export const warning = (path: string, message: string): SpecProblem => ({ path, message, severity: 'warning' });
export const notYet = (path: string, isSet: boolean, without: string): readonly SpecProblem[] =>
  isSet ? [error(path, 'is not supported yet', without)] : [];
