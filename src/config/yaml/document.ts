import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from 'yaml';
import type { Path } from './path.ts';

/** 1-based. */
export type Place = { readonly line: number; readonly column: number };

/** What stands in one document of a YAML text, and where. */
export type YamlDocument = {
  readonly value: unknown;
  readonly start: Place;
  /** Where the value of this path stands; `key`: its key; nearest existing parent when there is none. */
  readonly locate: (path: Path, part: 'key' | 'value') => Place;
};

export type SyntaxProblem = Place & { readonly message: string };

/** Far above any real file; below what could slow the reader down. */
const MAX_BYTES = 1_048_576;
const MAX_DOCUMENTS = 1_000;
const MAX_DEPTH = 100;
const TOO_DEEP = `nested too deeply, expected at most ${MAX_DEPTH} levels`;
/** Tokens of the lexer that open a level. */
const OPENING: ReadonlySet<string> = new Set(['[', '{', '-', '?']);
/** Tokens of the lexer that stand for no text. */
const MARKERS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f']);
const MAX_FAULTS = 20;
/** How many values aliases may add to one document. */
const MAX_ALIASES = 100;

/**
 * Reads YAML (and JSON) with positions; merge keys (`<<`) are followed, as Kubernetes does. Documents with a problem of
 * their own are left out; empty documents too. Never throws.
 */
export const readYaml = (
  text: string,
): { readonly documents: readonly YamlDocument[]; readonly problems: readonly SyntaxProblem[] } => {
  const refused = (message: string, line = 1) => ({ documents: [], problems: [{ line, column: 1, message }] });
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) return refused(`the file has ${bytes} bytes, expected at most ${MAX_BYTES} (1 MiB)`);
  if ((text.match(/^---/gm) ?? []).length > MAX_DOCUMENTS)
    return refused(`too many documents, expected at most ${MAX_DOCUMENTS}`);

  const deepAt = tooDeepAt(text);
  if (deepAt !== undefined) return refused(TOO_DEEP, text.slice(0, deepAt).split('\n').length);

  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, uniqueKeys: true });
  const documents: YamlDocument[] = [];
  const problems: SyntaxProblem[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const faults = faultsOf(document, lines);
    problems.push(...faults);
    if (faults.length > 0 || document.contents === null) continue;
    const result = contentOf(document);
    const start = placeAt(lines, document.contents.range?.[0] ?? 0);
    if ('problem' in result) problems.push({ ...start, message: result.problem });
    else if (result.value !== null) documents.push({ value: result.value, start, locate: locator(document, lines, start) });
  }
  return { documents, problems };
};

/**
 * The reader works recursively, and running out of stack inside it can end the process: what opens too many levels (by
 * brackets, by dashes, by indentation) is found by the lexer alone.
 */
function tooDeepAt(text: string): number | undefined {
  /** What is open: at each indentation, how many levels. */
  const lines: { readonly indent: number; levels: number }[] = [];
  let offset = 0;
  let depth = 0;
  let startsLine = true;
  const open = (levels: number): void => {
    depth += levels;
    const line = lines.at(-1);
    if (line !== undefined) line.levels += levels;
  };
  for (const token of new Lexer().lex(text)) {
    if (MARKERS.has(token)) continue;
    if (token === '\n' || token === '\r\n') startsLine = true;
    else if (startsLine) {
      const indent = /^ +$/.test(token) ? token.length : 0;
      while ((lines.at(-1)?.indent ?? -1) >= indent) depth -= lines.pop()?.levels ?? 0;
      lines.push({ indent, levels: 0 });
      open(1);
      startsLine = false;
    }
    if (OPENING.has(token)) open(1);
    else if (token === ']' || token === '}') open(-1);
    if (depth > MAX_DEPTH) return offset;
    offset += token.length;
  }
  return undefined;
}

/** One for each line: what follows in the same line mostly follows from the first. */
function faultsOf(document: Document.Parsed, lines: LineCounter): readonly SyntaxProblem[] {
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    ...placeAt(lines, pos[0]),
    message: sentence(message),
  }));
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      faults.push({ ...placeAt(lines, alias.range?.[0] ?? 0), message: `nothing before it has the anchor &${alias.source}` });
    },
  });
  return faults.filter(({ line }, index) => faults.findIndex(fault => fault.line === line) === index).slice(0, MAX_FAULTS);
}

function contentOf(document: Document.Parsed): { readonly value: unknown } | { readonly problem: string } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return isDeep(value) ? { problem: TOO_DEEP } : { value };
  } catch (error) {
    return { problem: sentence(error instanceof Error ? error.message : String(error)) };
  }
}

/** Looks level by level, so that depth costs no stack. */
function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap(item => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

const placeAt = (lines: LineCounter, offset: number): Place => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

const sentence = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1);

function locator(document: Document.Parsed, lines: LineCounter, start: Place): YamlDocument['locate'] {
  const place = (node: Node | undefined): Place | undefined => (node?.range ? placeAt(lines, node.range[0]) : undefined);
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);

  return (path, part) => {
    let node: unknown = document.contents;
    let found = start;
    for (const [depth, name] of path.entries()) {
      const inside = resolve(node);
      const isLast = depth === path.length - 1;
      if (isMap(inside)) {
        const pair = findPair(inside, String(name), resolve);
        if (pair === undefined) return found;
        const keyPlace = place(asNode(pair.key)) ?? found;
        node = pair.value;
        found = (isLast && part === 'value' && !isEmpty(node) ? place(asNode(node)) : undefined) ?? keyPlace;
      } else if (isSeq(inside)) {
        node = inside.items[Number(name)];
        found = place(asNode(node)) ?? found;
      } else return found;
    }
    return found;
  };
}

const asNode = (value: unknown): Node | undefined =>
  isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : undefined;

const isEmpty = (node: unknown): boolean => node === null || (isScalar(node) && node.value === null);

function findPair(map: YAMLMap, name: string, resolve: (node: unknown) => unknown): Pair | undefined {
  const own = map.items.find(pair => isScalar(pair.key) && String(pair.key.value) === name);
  if (own !== undefined) return own;
  for (const pair of map.items) {
    if (!isScalar(pair.key) || pair.key.value !== '<<') continue;
    const merged = resolve(pair.value);
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const target = resolve(source);
      const inherited = isMap(target) ? findPair(target, name, resolve) : undefined;
      if (inherited !== undefined) return inherited;
    }
  }
  return undefined;
}
