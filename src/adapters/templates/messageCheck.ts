import { MESSAGE_NAMES, type Shape } from './messageNames.ts';
import { isNode, parseTemplate, pathOf, type TemplateFault, unknownName } from './syntax.ts';

/** What a template may call with values, and what each takes. */
const FUNCTIONS: Readonly<Record<string, readonly ('text' | 'url')[]>> = {
  bold: ['text'],
  code: ['text'],
  link: ['text', 'url'],
};

const BLOCKS: readonly string[] = ['if', 'unless', 'each'];

/** Names that are known at a place, with their shapes. */
type Scope = Readonly<Record<string, Shape>>;

/** All that is wrong with a template of a message, in the order of its lines; it can be used when there is nothing. */
export const checkMessageTemplate = (template: string): readonly TemplateFault[] => {
  const parsed = parseTemplate(template);
  return 'fault' in parsed ? [parsed.fault] : checkProgram(parsed.program, MESSAGE_NAMES);
};

const checkProgram = (program: hbs.AST.Program | undefined, scope: Scope): readonly TemplateFault[] =>
  (program?.body ?? []).flatMap(statement => checkStatement(statement, scope));

const checkStatement = (statement: hbs.AST.Statement, scope: Scope): readonly TemplateFault[] => {
  if (isNode(statement, 'ContentStatement') || isNode(statement, 'CommentStatement')) return [];
  if (isNode(statement, 'MustacheStatement')) return checkMustache(statement, scope);
  if (isNode(statement, 'BlockStatement')) return checkBlock(statement, scope);
  return [faultAt(statement, 'partials and decorators cannot be used')];
};

const faultAt = ({ loc }: hbs.AST.Node, message: string): TemplateFault => ({
  line: loc.start.line,
  column: loc.start.column + 1,
  message,
});

const checkMustache = (statement: hbs.AST.MustacheStatement, scope: Scope): readonly TemplateFault[] => {
  const { path, params, hash } = statement;
  const name = pathOf(path);
  const takes = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (takes === undefined) {
    if (params.length > 0 || hash !== undefined)
      return [faultAt(statement, `"${name}" is not a function; there are ${Object.keys(FUNCTIONS).join(', ')}`)];
    return checkValue(path, ['text', 'url'], scope);
  }
  if (hash !== undefined || params.length !== takes.length)
    return [faultAt(statement, `"${name}" needs ${takes.length === 1 ? 'one value' : `${takes.length} values`}`)];
  return params.flatMap((param, index) => {
    const wanted = takes[index] ?? 'text';
    if (isNode(param, 'StringLiteral') && wanted === 'text') return [];
    return checkValue(param, wanted === 'text' ? ['text', 'url'] : [wanted], scope);
  });
};

const checkValue = (
  expression: hbs.AST.Expression | hbs.AST.Literal,
  wanted: readonly ('text' | 'url')[],
  scope: Scope,
): readonly TemplateFault[] => {
  const name = pathOf(expression);
  if (!isNode(expression, 'PathExpression') || !Object.hasOwn(scope, name))
    return [faultAt(expression, unknownName(name, Object.keys(scope)))];
  const shape = scope[name];
  if (typeof shape === 'object') return [faultAt(expression, `"${name}" is a list, expected {{#each ${name}}}...{{/each}}`)];
  return shape === undefined || wanted.includes(shape) ? [] : [faultAt(expression, `"${name}" is no URL`)];
};

const checkBlock = (statement: hbs.AST.BlockStatement, scope: Scope): readonly TemplateFault[] => {
  const { params, hash, program, inverse } = statement;
  const block = pathOf(statement.path);
  if (!BLOCKS.includes(block)) return [faultAt(statement, `the block "${block}" does not exist; there are ${BLOCKS.join(', ')}`)];
  const [value] = params;
  if (value === undefined || params.length !== 1 || hash !== undefined || (program?.blockParams ?? []).length > 0)
    return [faultAt(statement, 'a block needs exactly one value')];
  const name = pathOf(value);
  const shape = isNode(value, 'PathExpression') && Object.hasOwn(scope, name) ? scope[name] : undefined;
  const unknown = shape === undefined ? [faultAt(value, unknownName(name, Object.keys(scope)))] : [];
  if (block !== 'each') return [...unknown, ...checkProgram(program, scope), ...checkProgram(inverse, scope)];
  const inside = typeof shape === 'object' ? checkProgram(program, scopeOf(shape)) : [];
  const noList = typeof shape === 'string' ? [faultAt(value, `"${name}" is no list`)] : [];
  return [...unknown, ...noList, ...inside, ...checkProgram(inverse, scope)];
};

const scopeOf = ({ each }: Extract<Shape, object>): Scope => (each === 'text' ? { this: 'text' } : each);
