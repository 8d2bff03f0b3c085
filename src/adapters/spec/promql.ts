import { parser } from '@prometheus-io/lezer-promql';

const LONGEST_SHOWN = 100;

/**
 * Why this is no PromQL expression, in a sentence with the place in the query; `undefined` when it is one. Only the
 * syntax: whether functions get arguments of the right type is for Prometheus to say.
 */
export const checkPromql = (query: string): string | undefined => {
  if (query.trim() === '') return 'is empty, expected a PromQL expression';
  let faultAt: { readonly from: number; readonly to: number } | undefined;
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError && (faultAt === undefined || from < faultAt.from)) faultAt = { from, to };
      return faultAt === undefined;
    },
  });
  if (faultAt === undefined) return undefined;
  return `is no PromQL expression: ${unexpected(query, faultAt.from)}`;
};

function unexpected(query: string, from: number): string {
  const rest = query.slice(from);
  const token = /^\s*([\w:]+|"[^"]*"?|'[^']*'?|\S)/.exec(rest)?.[1];
  if (token === undefined) return `it ends too early${missing(query)}`;
  const at = from + rest.indexOf(token);
  const lines = query.slice(0, at).split('\n');
  const place = `${lines.length > 1 ? `line ${lines.length}, ` : ''}column ${(lines.at(-1)?.length ?? 0) + 1}`;
  return `unexpected ${shown(token)} at ${place}${lines.length > 1 ? '' : ` of ${shown(query)}`}`;
}

const shown = (text: string): string => `\`${text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text}\``;

/** The bracket that was opened last and is still open. */
function missing(query: string): string {
  const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
  const open: string[] = [];
  for (const [character] of query.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '').matchAll(/[()[\]{}]/g)) {
    const closes = closing[character];
    if (closes === undefined) open.pop();
    else open.push(closes);
  }
  const last = open.at(-1);
  return last === undefined ? '' : `, expected \`${last}\``;
}
