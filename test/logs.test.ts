import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** What is logged: static messages that can be searched for and counted; what varies stands in the fields. */

const root = resolve(import.meta.dirname, '..');
const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'trace'];

/** Does the message stand in the code as it will stand in the log? One of several fixed texts is fine. */
const isStatic = (message: ts.Expression | undefined): boolean => {
  if (message === undefined) return false;
  if (ts.isConditionalExpression(message)) return isStatic(message.whenTrue) && isStatic(message.whenFalse);
  return ts.isStringLiteral(message);
};

const isText = (fields: ts.Expression | undefined): boolean =>
  fields !== undefined && (ts.isStringLiteralLike(fields) || ts.isTemplateExpression(fields));

/** Calls of a logger: `at` is `file:line`, `fault` says what is wrong. */
const logCalls = (file: string, text: string): readonly { readonly at: string; readonly fault?: string }[] => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: { at: string; fault?: string }[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const { expression, name } = node.expression;
    if (!/logger$/i.test(expression.getText()) || !LEVELS.includes(name.text)) return;
    const at = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const [fields, message] = node.arguments;
    if (isText(fields)) found.push({ at, fault: 'the fields come first' });
    else found.push(isStatic(message) ? { at } : { at, fault: 'the message is not static' });
  };
  visit(source);
  return found;
};

const calls = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => join(entry.parentPath, entry.name))
  .flatMap(file => logCalls(relative(root, file), readFileSync(file, 'utf8')));

describe('log messages', () => {
  it('are static everywhere, after the fields', () => {
    expect(calls.length).toBeGreaterThan(20);
    expect(calls.filter(({ fault }) => fault !== undefined)).toEqual([]);
  });

  it.each([
    ["logger.info({ a }, 'done')", undefined],
    ["this.#logger.warn({ a }, isOver ? 'over' : 'not over')", undefined],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the code under test
    ['logger.info({}, `done with ${a}`)', 'the message is not static'],
    ["logger.info({}, 'done with ' + a)", 'the message is not static'],
    ['logger.info({}, text)', 'the message is not static'],
    ["options.logger.error('failed')", 'the fields come first'],
  ])('%s: %s', (code, fault) => {
    expect(logCalls('code.ts', code).map(call => call.fault)).toEqual([fault]);
  });
});
