import Handlebars from 'handlebars';
import type { RenderTemplate } from '../../controller/ports.ts';
import { isNode, parseTemplate, pathOf, unknownName } from './syntax.ts';

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
  const parsed = parseTemplate(template);
  if ('program' in parsed) return checkStatements(parsed.program.body, names);
  return `syntax error in line ${parsed.fault.line}: ${parsed.fault.message}`;
}

function checkStatements(statements: readonly hbs.AST.Statement[], names: readonly string[]): string | undefined {
  for (const statement of statements) {
    const reason = checkStatement(statement, names);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function checkStatement(statement: hbs.AST.Statement, names: readonly string[]): string | undefined {
  const line = `line ${statement.loc.start.line}`;
  if (isNode(statement, 'ContentStatement') || isNode(statement, 'CommentStatement')) return undefined;
  if (isNode(statement, 'MustacheStatement')) {
    const path = pathOf(statement.path);
    if (statement.params.length > 0 || statement.hash !== undefined) return `${line}: "${path}" is not a function`;
    return checkName(path, names, line);
  }
  if (isNode(statement, 'BlockStatement')) {
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

function checkParameters(params: readonly hbs.AST.Expression[], names: readonly string[], line: string): string | undefined {
  const first = params[0];
  if (params.length !== 1 || first === undefined) return `${line}: a block needs exactly one value`;
  return checkName(pathOf(first), names, line);
}

function checkName(name: string, names: readonly string[], line: string): string | undefined {
  return names.includes(name) ? undefined : `${line}: ${unknownName(name, names)}`;
}
