import Handlebars from 'handlebars';
import type { RenderTemplate } from '../../controller/ports.ts';

/** Blocks that a template may use; everything else in braces is a value. */
const helpers: readonly string[] = ['if', 'unless'];

const keptTemplates = 500;

/**
 * Renderer for queries, messages and webhook bodies. Nothing is escaped: the channel does that. Throws an Error that
 * names the unknown value or the line of a syntax error.
 */
export function createRenderer(): RenderTemplate {
  const handlebars = createHandlebars();
  const compiled = new Map<string, HandlebarsTemplateDelegate>();
  return (template, values) => {
    const reason = checkTemplate(template, Object.keys(values));
    if (reason !== undefined) throw new Error(`rendering template: ${reason}`);
    let render = compiled.get(template);
    if (render === undefined) {
      if (compiled.size >= keptTemplates) compiled.clear();
      render = handlebars.compile(template, { strict: true, noEscape: true, knownHelpersOnly: true });
      compiled.set(template, render);
    }
    return render(Object.assign(Object.create(null), values));
  };
}

function createHandlebars(): typeof Handlebars {
  const handlebars = Handlebars.create();
  for (const name of Object.keys(handlebars.helpers)) {
    if (!helpers.includes(name)) handlebars.unregisterHelper(name);
  }
  return handlebars;
}

/** Why a template cannot be used with these values, in a sentence; `undefined` when it can. */
export function checkTemplate(template: string, names: readonly string[]): string | undefined {
  const parsed = parse(template);
  return 'reason' in parsed ? parsed.reason : checkStatements(parsed.program.body, names);
}

function parse(template: string): { readonly program: hbs.AST.Program } | { readonly reason: string } {
  try {
    return { program: Handlebars.parse(template) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const line = /line (\d+)/.exec(text)?.[1] ?? /- (\d+):\d+/.exec(text)?.[1] ?? '1';
    const expected = /Expecting .*?, got '(.*)'/.exec(text)?.[1];
    const detail = expected === undefined ? (text.split('\n')[0] ?? '') : `unexpected ${tokenNames[expected] ?? `'${expected}'`}`;
    return { reason: `syntax error in line ${line}: ${detail.replace(/ - \d+:\d+$/, '')}` };
  }
}

const tokenNames: Readonly<Record<string, string>> = {
  EOF: 'end of the text: is a closing block missing?',
  CLOSE: '"}}"',
  INVALID: 'character or end of the text: is "}}" missing?',
  OPEN: '"{{"',
};

function checkStatements(statements: readonly hbs.AST.Statement[], names: readonly string[]): string | undefined {
  for (const statement of statements) {
    const reason = checkStatement(statement, names);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function checkStatement(statement: hbs.AST.Statement, names: readonly string[]): string | undefined {
  const line = `line ${statement.loc.start.line}`;
  if (isStatement(statement, 'ContentStatement') || isStatement(statement, 'CommentStatement')) return undefined;
  if (isStatement(statement, 'MustacheStatement')) {
    const path = pathOf(statement.path);
    if (statement.params.length > 0 || statement.hash !== undefined) return `${line}: "${path}" is not a function`;
    return checkName(path, names, line);
  }
  if (isStatement(statement, 'BlockStatement')) {
    const helper = pathOf(statement.path);
    if (!helpers.includes(helper)) return `${line}: the block "${helper}" does not exist; there are if and unless`;
    return (
      checkParameters(statement.params, names, line) ??
      checkStatements(statement.program?.body ?? [], names) ??
      checkStatements(statement.inverse?.body ?? [], names)
    );
  }
  return `${line}: partials and decorators cannot be used`;
}

function isStatement<T extends keyof StatementTypes>(statement: hbs.AST.Statement, type: T): statement is StatementTypes[T] {
  return statement.type === type;
}

type StatementTypes = {
  ContentStatement: hbs.AST.ContentStatement;
  CommentStatement: hbs.AST.CommentStatement;
  MustacheStatement: hbs.AST.MustacheStatement;
  BlockStatement: hbs.AST.BlockStatement;
};

function checkParameters(params: readonly hbs.AST.Expression[], names: readonly string[], line: string): string | undefined {
  const first = params[0];
  if (params.length !== 1 || first === undefined) return `${line}: a block needs exactly one value`;
  return checkName(pathOf(first), names, line);
}

function pathOf(expression: hbs.AST.Expression | hbs.AST.Literal): string {
  if ('original' in expression) return String(expression.original);
  return expression.type;
}

function checkName(name: string, names: readonly string[], line: string): string | undefined {
  if (names.includes(name)) return undefined;
  const near = nearest(name, names);
  const hint = near === undefined ? `known are ${[...names].sort().join(', ')}` : `did you mean "${near}"?`;
  return `${line}: "${name}" is unknown; ${hint}`;
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
