// Finds what can be mutated in a file of the core, and rewrites the file so that each mutant can be switched on while it runs.
import ts from 'typescript';

const SHIFTED = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const TURNED = { '===': '!==', '!==': '===' };

/** Text of a node in one line. */
const short = (node, source) => node.getText(source).replace(/\s+/g, ' ');

/** Name of the function, guard or constant around a node, for people and for keys that outlive an edit elsewhere in the file. */
function placeOf(node) {
  let name = 'module';
  for (let at = node.parent; at !== undefined; at = at.parent) {
    const isNamed = ts.isVariableDeclaration(at) || ts.isFunctionDeclaration(at) || ts.isPropertyAssignment(at);
    const value = at.initializer ?? at;
    const isFunction = ts.isArrowFunction(value) || ts.isFunctionDeclaration(value) || ts.isCallExpression(value);
    if (isNamed && isFunction && at.name !== undefined) name = at.name.text;
  }
  return name;
}

/**
 * Mutants of one file, and its text with a switch at each place. `isAll`: also borders, operands and the conditions of
 * expressions, besides the guards and the conditions of statements, which are called `isGuard`.
 */
export function mutantsOf(file, text, { isAll, firstSite }) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const mutants = [];
  const seen = new Map();
  let site = firstSite;

  const add = (node, mode, what, isGuard = true) => {
    const plain = `${file} ${placeOf(node)}: ${what}`;
    const count = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, count);
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    mutants.push({ key: count === 1 ? plain : `${plain} (${count})`, file, line, what, isGuard, site, ...mode });
  };

  const wrapIf = (node, inner) => {
    const condition = short(node.expression, source);
    add(node, { kind: 'inverted' }, `if (${condition}) -> if (!(${condition}))`);
    add(node, { kind: 'never' }, `if (${condition}) -> if (false)`);
    return `__mutants.condition(${site++}, ${inner})`;
  };
  const wrapChoice = (node, inner) => {
    const condition = short(node.condition, source);
    add(node, { kind: 'inverted' }, `${condition} ? -> !(${condition}) ?`, false);
    return `__mutants.condition(${site++}, ${inner})`;
  };
  const wrapOperands = (node, left, right) => {
    const operator = node.operatorToken.getText(source);
    const both = short(node, source);
    add(node, { kind: 'right' }, `${both} -> ${short(node.right, source)}`, false);
    add(node, { kind: 'left' }, `${both} -> ${short(node.left, source)}`, false);
    return `__mutants.operands(${site++}, '${operator}', () => (${left}), () => (${right}))`;
  };
  const wrapComparison = (node, left, right) => {
    const operator = node.operatorToken.getText(source);
    const other = SHIFTED[operator] ?? TURNED[operator];
    add(node, { kind: 'other' }, `${short(node, source)} -> ${other}`, false);
    return `__mutants.compare(${site++}, '${operator}', ${left}, ${right})`;
  };
  const wrapGuards = node => {
    const names = guardsOf(source);
    for (const [index, name] of names.entries()) add(name, { kind: 'without', index }, `${name.text}: removed from the list`);
    for (const [index, name] of names.slice(0, -1).entries()) {
      add(name, { kind: 'swapped', index }, `${name.text}: after ${names[index + 1].text}`);
    }
    return `__mutants.guards(${site++}, ${node.getText(source)})`;
  };

  const render = node => {
    const start = node.getStart(source);
    const lead = text.slice(node.pos, start);
    return lead + rendered(node, start);
  };
  /** The text between two positions, with children of a node in it rewritten. */
  const rendered = (node, start) => {
    if (ts.isTypeNode(node) || ts.isTypeAliasDeclaration(node) || ts.isImportDeclaration(node))
      return text.slice(start, node.end);
    if (isAll && ts.isBinaryExpression(node)) {
      const operator = node.operatorToken.getText(source);
      const [left, right] = [() => render(node.left), () => render(node.right)];
      if (operator === '&&' || operator === '||') return wrapOperands(node, left(), right());
      const isSole = ts.isIfStatement(node.parent) || ts.isConditionalExpression(node.parent);
      if (operator in SHIFTED || (operator in TURNED && !isSole)) return wrapComparison(node, left(), right());
    }
    if (ts.isIdentifier(node) && node.text === 'GUARDS' && ts.isForOfStatement(node.parent)) return wrapGuards(node);
    let out = '';
    let at = start;
    ts.forEachChild(node, child => {
      if (child.pos > at) out += text.slice(at, child.pos);
      const from = Math.max(at, child.pos);
      const inner = from === child.pos ? render(child) : rendered(child, child.getStart(source));
      if (ts.isIfStatement(node) && child === node.expression) out += wrapIf(node, inner);
      else if (isAll && ts.isConditionalExpression(node) && child === node.condition) out += wrapChoice(node, inner);
      else out += inner;
      at = child.end;
    });
    return out + text.slice(at, node.end);
  };

  const switched = render(source);
  return { mutants, text: switched, sites: site };
}

/** The identifiers in the ordered list of guards. */
function guardsOf(source) {
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (name.getText(source) === 'GUARDS' && initializer && ts.isArrayLiteralExpression(initializer))
        return [...initializer.elements];
    }
  }
  throw new Error(`${source.fileName}: the list GUARDS was not found`);
}
