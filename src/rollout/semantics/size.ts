import { compileStrategy } from '../plan/strategy.ts';
import type { RolloutSpec, SpecProblem } from '../spec.ts';
import { error } from './problem.ts';

/** Of the 1.5 MiB that etcd takes for one object, for the spec; as much as `kubectl apply` takes, which notes it once more. */
const MOST_KIB = 256;
/** For the steps in the status, which repeat the routes that they carry over. */
const MOST_STEPS_KIB = 512;

/** A spec that could be stored, and then not be carried out, as the status holds its plan beside it. */
export const checkSize = (spec: RolloutSpec): readonly SpecProblem[] => {
  const kib = kibOf(spec);
  if (kib > MOST_KIB) {
    const { path, value } = largest('spec', spec);
    const part = path === 'spec' ? '' : `, ${kibOf(value)} KiB of it here`;
    return [error(path, `makes the spec too large (${kib} KiB as JSON${part}), expected at most ${MOST_KIB} KiB`)];
  }
  const steps = kibOf(compileStrategy(spec.strategy).steps);
  if (steps <= MOST_STEPS_KIB) return [];
  const message = `has steps that take ${steps} KiB in the status, as each repeats the header route before it, expected at most ${MOST_STEPS_KIB} KiB`;
  return [error('spec.strategy', message, 'use a shorter match, or fewer steps')];
};

/** Thousands of bytes as JSON, rounded up. */
const kibOf = (value: unknown): number => {
  const text = JSON.stringify(value) ?? '';
  if (text.length * 3 <= 1_024) return 1;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) bytes += bytesOf(text.charCodeAt(i));
  return Math.ceil(bytes / 1_024);
};

/** UTF-8; each half of a pair has two of its four. */
const bytesOf = (code: number): number => (code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3);

/** The innermost part that makes up most of the whole. */
const largest = (path: string, value: unknown): { readonly path: string; readonly value: unknown } => {
  if (typeof value !== 'object' || value === null) return { path, value };
  const whole = kibOf(value);
  const isList = Array.isArray(value);
  for (const [name, part] of Object.entries(value)) {
    if (2 * kibOf(part) > whole) return largest(isList ? `${path}[${name}]` : `${path}.${name}`, part);
  }
  return { path, value };
};
