import Handlebars from 'handlebars';

/** Where something is wrong in a template, and what; lines and columns from 1. */
export type TemplateFault = { readonly line: number; readonly column: number; readonly message: string };

/** What a template consists of, or why it is none. */
export function parseTemplate(template: string): { readonly program: hbs.AST.Program } | { readonly fault: TemplateFault } {
  try {
    return { program: Handlebars.parse(template) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const line = Number(/line (\d+)/.exec(text)?.[1] ?? / - (\d+):\d+$/.exec(text)?.[1] ?? '1');
    const expected = /Expecting .*?, got '(.*)'/.exec(text)?.[1];
    const detail = expected === undefined ? (text.split('\n')[0] ?? '') : `unexpected ${tokenNames[expected] ?? `'${expected}'`}`;
    // Where the parser gives no column, the last thing that was opened in the line is what it stumbles over.
    const column = Number(/ - \d+:(\d+)$/.exec(text)?.[1] ?? template.split('\n')[line - 1]?.lastIndexOf('{{') ?? 0) + 1;
    return { fault: { line, column: Math.max(1, column), message: detail.replace(/ - \d+:\d+$/, '') } };
  }
}

const tokenNames: Readonly<Record<string, string>> = {
  EOF: 'end of the text: is a closing block missing?',
  CLOSE: '"}}"',
  INVALID: 'character or end of the text: is "}}" missing?',
  OPEN: '"{{"',
};

type NodeTypes = {
  ContentStatement: hbs.AST.ContentStatement;
  CommentStatement: hbs.AST.CommentStatement;
  MustacheStatement: hbs.AST.MustacheStatement;
  BlockStatement: hbs.AST.BlockStatement;
  PathExpression: hbs.AST.PathExpression;
  StringLiteral: hbs.AST.StringLiteral;
};

export function isNode<T extends keyof NodeTypes>(node: hbs.AST.Node, type: T): node is NodeTypes[T] {
  return node.type === type;
}

/** A path or literal as it is written. */
export function pathOf(expression: hbs.AST.Expression | hbs.AST.Literal): string {
  if ('original' in expression) return String(expression.original);
  return expression.type;
}

/** That a name is unknown, with the one that was meant, or all that there are. */
export function unknownName(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  const hint = near === undefined ? `known are ${[...names].sort().join(', ')}` : `did you mean "${near}"?`;
  return `"${name}" is unknown; ${hint}`;
}

/** The name that differs in at most two letters. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const ranked = names.map(other => ({ other, distance: editDistance(name, other) })).sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= 2 && best.distance < name.length ? best.other : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
