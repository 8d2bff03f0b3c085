import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { type AggregateOp, type Expr, type FunctionName, QueryError, typeOfExpr, type VectorSelector } from './promql-ast.ts';
import type { Matcher } from './series.ts';

const AGGREGATIONS: readonly string[] = ['sum', 'avg', 'min', 'max', 'count'] satisfies AggregateOp[];
const FUNCTIONS: readonly string[] = ['rate', 'increase', 'histogram_quantile'] satisfies FunctionName[];
const OPERATORS = ['+', '-', '*', '/', '%', '^', '==', '!=', '>', '<', '>=', '<='];
const COMPARISONS = ['==', '!=', '>', '<', '>=', '<='];
const WRAPPERS = new Set(['PromQL', 'ParenExpr']);

const unsupported = (what: string): QueryError =>
  new QueryError(
    `${what} is not supported by the sandbox: it knows selectors, ranges, offset, @, ${AGGREGATIONS.join('/')} by/without, ${FUNCTIONS.join(', ')}, arithmetic and comparison`,
  );

const children = (node: SyntaxNode): SyntaxNode[] => {
  const out: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) out.push(child);
  return out;
};

const UNITS_MS: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** `1h30m`, or seconds without a unit, in ms. */
export function parseDurationMs(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h|d|w|y)/g)];
  if (parts.length === 0 || parts.map(part => part[0]).join('') !== text)
    throw new QueryError(`not a valid duration string: ${JSON.stringify(text)}`);
  return parts.reduce((sum, [, amount = '0', unit = '']) => sum + Number(amount) * (UNITS_MS[unit] ?? 0), 0);
}

function parseNumber(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const value = Number(text.replaceAll('_', ''));
  return Number.isNaN(value) ? parseDurationMs(text) / 1000 : value;
}

function parseString(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  const inner = text.slice(1, -1).replaceAll("\\'", "'");
  try {
    return JSON.parse(`"${text.startsWith("'") ? inner.replaceAll('"', '\\"') : inner}"`) as string;
  } catch {
    throw new QueryError(`parse error: invalid string literal ${text}`);
  }
}

function compileRegex(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 's');
  } catch {
    throw new QueryError(`parse error: invalid regular expression ${JSON.stringify(pattern)}`);
  }
}

function matcherOf(label: string, operator: string, value: string): Matcher {
  if (operator === '=') return { label, holds: actual => actual === value };
  if (operator === '!=') return { label, holds: actual => actual !== value };
  const regex = compileRegex(value);
  return { label, holds: operator === '=~' ? actual => regex.test(actual) : actual => !regex.test(actual) };
}

/** Pushes `@` and `offset` down to the last operand: the grammar binds them to a whole binary expression. */
function modify(expr: Expr, change: Partial<VectorSelector>): Expr {
  if (expr.kind === 'vector') return { ...expr, ...change };
  if (expr.kind === 'matrix') return { ...expr, vector: { ...expr.vector, ...change } };
  if (expr.kind === 'binary') return { ...expr, right: modify(expr.right, change) };
  throw new QueryError('parse error: offset and @ modifiers must be preceded by an instant vector or range vector selector');
}

const wrongType = (where: string, wanted: string, expr: Expr) =>
  new QueryError(`parse error: expected type ${wanted} in ${where}, got ${typeOfExpr(expr)}`);

/** The written form of a node. */
const text = (query: string, node: SyntaxNode) => query.slice(node.from, node.to);
const only = (node: SyntaxNode, name: string) => children(node).filter(child => child.name === name);

function selector(query: string, node: SyntaxNode): VectorSelector {
  const matchers = only(node, 'Identifier').map(name => matcherOf('__name__', '=', text(query, name)));
  for (const list of only(node, 'LabelMatchers')) {
    for (const item of children(list)) {
      const parts = children(item);
      if (item.name === 'QuotedLabelName') matchers.push(matcherOf('__name__', '=', parseString(text(query, item))));
      const [label, operator, value] = parts;
      if (!label || !operator || !value) continue;
      const name = label.name === 'LabelName' ? text(query, label) : parseString(text(query, label));
      matchers.push(matcherOf(name, text(query, operator), parseString(text(query, value))));
    }
  }
  if (matchers.every(matcher => matcher.holds(''))) {
    throw new QueryError('parse error: vector selector must contain at least one non-empty matcher');
  }
  return { kind: 'vector', matchers, offsetMs: 0, atMs: undefined };
}

function aggregate(query: string, node: SyntaxNode): Expr {
  const parts = children(node);
  const op = parts.find(part => part.name === 'AggregateOp');
  const modifier = parts.find(part => part.name === 'AggregateModifier');
  const body = parts.find(part => part.name === 'FunctionCallBody');
  const name = op ? text(query, op).toLowerCase() : '';
  if (!AGGREGATIONS.includes(name)) throw unsupported(`aggregation ${name}`);
  const args = body ? children(body) : [];
  const [argument] = args;
  if (args.length !== 1 || !argument)
    throw new QueryError(`parse error: wrong number of arguments for aggregate expression ${name}`);
  const grouping = modifier ? only(modifier, 'GroupingLabels').flatMap(children) : [];
  const of = expression(query, argument);
  if (typeOfExpr(of) !== 'instant vector') throw wrongType(`aggregation expression`, 'instant vector', of);
  return {
    kind: 'aggregate',
    op: name as AggregateOp,
    without: modifier ? /^without/i.test(text(query, modifier)) : false,
    labels: grouping.map(label => text(query, label)),
    of,
  };
}

function call(query: string, node: SyntaxNode): Expr {
  const [identifier, body] = children(node);
  const name = identifier ? text(query, identifier) : '';
  if (!FUNCTIONS.includes(name)) throw unsupported(`function ${name}()`);
  const args = body ? children(body).map(argument => expression(query, argument)) : [];
  const wanted = name === 'histogram_quantile' ? (['scalar', 'instant vector'] as const) : (['range vector'] as const);
  if (args.length !== wanted.length)
    throw new QueryError(`parse error: expected ${wanted.length} argument(s) in call to "${name}", got ${args.length}`);
  args.forEach((argument, index) => {
    if (typeOfExpr(argument) !== wanted[index]) throw wrongType(`call to function "${name}"`, wanted[index] ?? '', argument);
  });
  return { kind: 'call', name: name as FunctionName, args };
}

function binary(query: string, node: SyntaxNode): Expr {
  const parts = children(node);
  const [first, operator] = parts;
  const last = parts.at(-1);
  if (!first || !operator || !last) throw new QueryError('parse error: incomplete binary expression');
  const op = text(query, operator);
  if (!OPERATORS.includes(op)) throw unsupported(`operator ${op}`);
  if (parts.some(part => part.name === 'MatchingModifierClause')) throw unsupported('vector matching with on, ignoring or group');
  const bool = parts.some(part => part.name === 'BoolModifier');
  const left = expression(query, first);
  const right = expression(query, last);
  for (const side of [left, right])
    if (typeOfExpr(side) === 'range vector') throw wrongType('binary expression', 'scalar or instant vector', side);
  const scalars = typeOfExpr(left) === 'scalar' && typeOfExpr(right) === 'scalar';
  if (scalars && COMPARISONS.includes(op) && !bool)
    throw new QueryError('parse error: comparisons between scalars must use BOOL modifier');
  if (bool && !COMPARISONS.includes(op))
    throw new QueryError('parse error: bool modifier can only be used on comparison operators');
  return { kind: 'binary', op, bool, left, right };
}

function matrix(query: string, node: SyntaxNode): Expr {
  const [inner, duration] = children(node);
  const vector = inner ? expression(query, inner) : undefined;
  if (vector?.kind !== 'vector' || !duration) throw new QueryError('parse error: ranges only allowed for vector selectors');
  return { kind: 'matrix', vector, rangeMs: parseDurationMs(text(query, duration)) };
}

function invariant(query: string, node: SyntaxNode): Expr {
  const [inner, , time] = children(node);
  if (!inner || time?.name !== 'NumberDurationLiteral') throw unsupported('@ start() and @ end()');
  return modify(expression(query, inner), { atMs: parseNumber(text(query, time)) * 1000 });
}

function offset(query: string, node: SyntaxNode): Expr {
  const [inner, , duration] = children(node);
  if (!inner || !duration) throw new QueryError('parse error: incomplete offset');
  const written = text(query, duration).replace(/\s/g, '');
  const offsetMs = written.startsWith('-') ? -parseDurationMs(written.slice(1)) : parseDurationMs(written);
  return modify(expression(query, inner), { offsetMs });
}

function unary(query: string, node: SyntaxNode): Expr {
  const inner = node.lastChild;
  const of = inner ? expression(query, inner) : undefined;
  if (!of || typeOfExpr(of) === 'range vector')
    throw new QueryError('parse error: unary expression only allowed on scalar or instant vector');
  return text(query, node).startsWith('-') ? { kind: 'negate', of } : of;
}

const FORMS: { readonly [name: string]: (query: string, node: SyntaxNode) => Expr } = {
  NumberDurationLiteral: (query, node) => ({ kind: 'number', value: parseNumber(text(query, node)) }),
  VectorSelector: selector,
  MatrixSelector: matrix,
  AggregateExpr: aggregate,
  FunctionCall: call,
  BinaryExpr: binary,
  StepInvariantExpr: invariant,
  OffsetExpr: offset,
  UnaryExpr: unary,
};

function expression(query: string, node: SyntaxNode): Expr {
  const inner = node.firstChild;
  if (WRAPPERS.has(node.name) && inner) return expression(query, inner);
  const form = FORMS[node.name];
  if (!form) throw unsupported(node.name);
  return form(query, node);
}

/** Parses a query. Throws QueryError for bad syntax, wrong types and everything that is not supported. */
export function parsePromQL(query: string): Expr {
  if (!query.trim()) throw new QueryError('unknown position: parse error: no expression found in input');
  const tree = parser.parse(query);
  tree.iterate({
    enter: node => {
      if (!node.type.isError) return;
      const near = query.slice(node.from, node.from + 20);
      throw new QueryError(`1:${node.from + 1}: parse error: unexpected ${near ? JSON.stringify(near) : 'end of input'}`);
    },
  });
  return expression(query, tree.topNode);
}
