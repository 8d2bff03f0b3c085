import { equalJson, isObject, type Json, type JsonObject } from './json.ts';

/** A value in an expression; undefined is a field that is not there. */
type Value = Json | undefined;
type Scope = { readonly [name: string]: Value };
type Node = (scope: Scope) => Value;

/** Something that this evaluator does not know. */
class UnknownExpression extends Error {}

const TOKEN = /\s*(\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_]\w*|&&|\|\||[=!<>]=|[-+<>!()[\],.?:])/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const pattern = new RegExp(TOKEN.source, 'y');
  while (pattern.lastIndex < text.trimEnd().length) {
    const found = pattern.exec(text)?.[1];
    if (found === undefined) throw new UnknownExpression(text);
    tokens.push(found);
  }
  return tokens;
}

const compare = (a: Value, b: Value): number =>
  typeof a === 'string' && typeof b === 'string' ? a.localeCompare(b) : Number(a) - Number(b);

const add = (a: Value, b: Value): Value => {
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  return typeof a === 'string' ? a + String(b) : Number(a) + Number(b);
};

const BINARY: { readonly [operator: string]: (a: Value, b: Value) => Value } = {
  '==': equalJson,
  '!=': (a, b) => !equalJson(a, b),
  '<': (a, b) => compare(a, b) < 0,
  '<=': (a, b) => compare(a, b) <= 0,
  '>': (a, b) => compare(a, b) > 0,
  '>=': (a, b) => compare(a, b) >= 0,
  in: (a, b) =>
    Array.isArray(b) ? b.some(item => equalJson(item, a)) : isObject(b) && typeof a === 'string' && b[a] !== undefined,
  '+': add,
  '-': (a, b) => Number(a) - Number(b),
};

/** From loose to tight; `&&`, `||` and `?:` are apart because they do not evaluate all their operands. */
const LEVELS: readonly (readonly string[])[] = [
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
];

const sizeOf = (value: Value): number => {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
};

const itemsOf = (value: Value): readonly Json[] => (Array.isArray(value) ? value : isObject(value) ? Object.keys(value) : []);

type Macro = (items: readonly Json[], test: (item: Json) => Value) => Value;

const MACROS: { readonly [name: string]: Macro } = {
  all: (items, test) => items.every(item => test(item) === true),
  exists: (items, test) => items.some(item => test(item) === true),
  exists_one: (items, test) => items.filter(item => test(item) === true).length === 1,
  filter: (items, test) => items.filter(item => test(item) === true),
  map: (items, test) => items.map(item => test(item) ?? null),
};

const METHODS: { readonly [name: string]: (self: Value, argument: Value) => Value } = {
  size: self => sizeOf(self),
  matches: (self, pattern) => new RegExp(String(pattern)).test(String(self)),
  startsWith: (self, text) => String(self).startsWith(String(text)),
  endsWith: (self, text) => String(self).endsWith(String(text)),
  contains: (self, text) => String(self).includes(String(text)),
};

/** Recursive descent over the tokens of one expression. */
class Parser {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(text: string) {
    this.tokens = tokenize(text);
  }

  whole(): Node {
    const node = this.ternary();
    if (this.at < this.tokens.length) throw new UnknownExpression(this.tokens[this.at]);
    return node;
  }

  private accept(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at += 1;
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) throw new UnknownExpression(`expected ${token}`);
  }

  private next(): string {
    this.at += 1;
    return this.tokens[this.at - 1] ?? '';
  }

  private ternary(): Node {
    const condition = this.or();
    if (!this.accept('?')) return condition;
    const yes = this.ternary();
    this.expect(':');
    const no = this.ternary();
    return scope => (condition(scope) === true ? yes(scope) : no(scope));
  }

  private or(): Node {
    const left = this.and();
    if (!this.accept('||')) return left;
    const right = this.or();
    return scope => left(scope) === true || right(scope) === true;
  }

  private and(): Node {
    const left = this.binary(0);
    if (!this.accept('&&')) return left;
    const right = this.and();
    return scope => left(scope) === true && right(scope) === true;
  }

  private binary(level: number): Node {
    const operators = LEVELS[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (let operator = this.tokens[this.at] ?? ''; operators.includes(operator); operator = this.tokens[this.at] ?? '') {
      this.at += 1;
      const [before, right, apply] = [left, this.binary(level + 1), BINARY[operator]];
      left = scope => apply?.(before(scope), right(scope));
    }
    return left;
  }

  private unary(): Node {
    if (this.accept('!')) {
      const inner = this.unary();
      return scope => inner(scope) !== true;
    }
    if (this.accept('-')) {
      const inner = this.unary();
      return scope => -Number(inner(scope));
    }
    return this.postfix(this.primary());
  }

  private postfix(start: Node): Node {
    let node = start;
    for (;;) {
      if (this.accept('.')) node = this.member(node, this.next());
      else if (this.accept('[')) {
        const [before, index] = [node, this.ternary()];
        this.expect(']');
        node = scope => Reflect.get(Object(before(scope) ?? {}), String(index(scope)));
      } else return node;
    }
  }

  private member(self: Node, name: string): Node {
    if (!this.accept('(')) {
      return scope => {
        const value = self(scope);
        return isObject(value) ? value[name] : undefined;
      };
    }
    const macro = MACROS[name];
    if (macro) {
      const variable = this.next();
      this.expect(',');
      const body = this.ternary();
      this.expect(')');
      return scope => macro(itemsOf(self(scope)), item => body({ ...scope, [variable]: item }));
    }
    const method = METHODS[name];
    if (!method) throw new UnknownExpression(name);
    const [argument] = this.list(')');
    return scope => method(self(scope), argument?.(scope));
  }

  private list(end: string): Node[] {
    const nodes: Node[] = [];
    while (!this.accept(end)) {
      nodes.push(this.ternary());
      if (!this.accept(',') && this.tokens[this.at] !== end) throw new UnknownExpression(`expected ${end}`);
    }
    return nodes;
  }

  private primary(): Node {
    const token = this.next();
    if (token === '(') {
      const inner = this.ternary();
      this.expect(')');
      return inner;
    }
    if (token === '[') {
      const nodes = this.list(']');
      return scope => nodes.map(node => node(scope) ?? null);
    }
    if (/^\d/.test(token)) return () => Number(token);
    if (/^["']/.test(token)) return () => token.slice(1, -1).replace(/\\(.)/g, '$1');
    if (token === 'true' || token === 'false') return () => token === 'true';
    if (token === 'null') return () => null;
    if ((token === 'has' || token === 'size') && this.accept('(')) {
      const [inner] = this.list(')');
      return token === 'has' ? scope => inner?.(scope) !== undefined : scope => sizeOf(inner?.(scope));
    }
    if (token !== 'oldSelf' && /^[A-Za-z_]\w*$/.test(token) && this.tokens[this.at] !== '(') return scope => scope[token];
    throw new UnknownExpression(token);
  }
}

const compiled = new Map<string, Node | undefined>();

function compile(rule: string): Node | undefined {
  if (compiled.has(rule)) return compiled.get(rule);
  let node: Node | undefined;
  try {
    node = new Parser(rule).whole();
  } catch (error) {
    if (!(error instanceof UnknownExpression)) throw error;
  }
  if (compiled.size > 2000) compiled.clear();
  compiled.set(rule, node);
  return node;
}

/**
 * Whether a validation rule holds for a value: the part of CEL that rules about one object use (has, logic, comparison, `in`, lists,
 * size, all, exists, filter, map, string tests). Rules with anything else, such as `oldSelf`, count as kept.
 */
export function ruleHolds(rule: string, self: Json | JsonObject): boolean {
  return compile(rule)?.({ self }) !== false;
}
