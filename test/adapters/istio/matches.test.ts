import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crossMatches, InexpressibleMatchError } from '../../../src/adapters/istio/matches.ts';
import { type Fields, fieldsOf, listOf } from '../../../src/adapters/istio/resource.ts';
import type { MatchSpec } from '../../../src/rollout/index.ts';
import { yaml } from './edits.ts';

/** Both sides as the inside of a list of matches. */
const cross = (ours: string, theirs: string): readonly Fields[] =>
  crossMatches(yaml(`[${ours}]`) as readonly MatchSpec[], theirs === '' ? undefined : yaml(`[${theirs}]`));

describe('R28: what two lists of matches have in common', () => {
  const cases: readonly (readonly [name: string, ours: string, theirs: string, both: string])[] = [
    ['without a list of theirs, ours alone', '{uri: {prefix: /a}}', '', '{uri: {prefix: /a}}'],
    [
      'different fields stand side by side',
      '{method: {exact: GET}}',
      '{uri: {prefix: /a}}',
      '{uri: {prefix: /a}, method: {exact: GET}}',
    ],
    [
      'each of ours with each of theirs',
      '{port: 80}, {port: 81}',
      '{uri: {exact: /a}}, {uri: {exact: /b}}',
      '{uri: {exact: /a}, port: 80}, {uri: {exact: /b}, port: 80}, {uri: {exact: /a}, port: 81}, {uri: {exact: /b}, port: 81}',
    ],
    ['exact within prefix', '{uri: {exact: /a/b}}', '{uri: {prefix: /a}}', '{uri: {exact: /a/b}}'],
    ['prefix within prefix', '{uri: {prefix: /a}}', '{uri: {prefix: /a/b}}', '{uri: {prefix: /a/b}}'],
    ['equal regexes', '{uri: {regex: /a.*}}', '{uri: {regex: /a.*}}', '{uri: {regex: /a.*}}'],
    ['every path begins with a slash', '{uri: {regex: /a.*}}', '{uri: {prefix: /}}', '{uri: {regex: /a.*}}'],
    ['other exact values never meet', '{uri: {exact: /a}}', '{uri: {exact: /b}}', ''],
    ['other prefixes never meet', '{uri: {prefix: /a}}', '{uri: {prefix: /b}}', ''],
    ['one pair may be left', '{uri: {prefix: /a}}', '{uri: {exact: /a/1}}, {uri: {exact: /b}}', '{uri: {exact: /a/1}}'],
    ['equal results stand once', '{uri: {exact: /a}}', '{uri: {prefix: /a}}, {uri: {prefix: /}}', '{uri: {exact: /a}}'],
    [
      'case is ignored where both sides ignore it',
      '{uri: {exact: /A/b}, ignoreUriCase: true}',
      '{uri: {prefix: /a}, ignoreUriCase: true}',
      '{uri: {exact: /A/b}, ignoreUriCase: true}',
    ],
    ['the stricter side wins', '{uri: {exact: /A/b}}', '{uri: {prefix: /a}, ignoreUriCase: true}', '{uri: {exact: /A/b}}'],
    ['a flag goes with its path', '{port: 80, ignoreUriCase: true}', '{uri: {prefix: /a}}', '{uri: {prefix: /a}, port: 80}'],
    ['presence is met by any value', '{headers: {a: {}}}', '{headers: {a: {regex: "x.*"}}}', '{headers: {a: {regex: "x.*"}}}'],
    ['names of headers have no case', '{headers: {a: {exact: x}}}', '{headers: {A: {prefix: x}}}', '{headers: {A: {exact: x}}}'],
    [
      'names of parameters have',
      '{queryParams: {a: {exact: x}}}',
      '{queryParams: {A: {exact: y}}}',
      '{queryParams: {A: {exact: y}, a: {exact: x}}}',
    ],
    ['a header that must not be there', '{headers: {a: {exact: x}}}', '{withoutHeaders: {A: {}}}', ''],
    [
      'headers that must not be there add up',
      '{withoutHeaders: {a: {}}}',
      '{withoutHeaders: {b: {}}}',
      '{withoutHeaders: {a: {}, b: {}}}',
    ],
    [
      'the wider exclusion counts',
      '{withoutHeaders: {a: {exact: xy}}}',
      '{withoutHeaders: {a: {prefix: x}}}',
      '{withoutHeaders: {a: {prefix: x}}}',
    ],
    [
      'two exclusions of one header become one',
      '{withoutHeaders: {a: {exact: "1.0"}}}',
      '{withoutHeaders: {a: {prefix: "b+"}}}',
      '{withoutHeaders: {a: {regex: "(?:1\\\\.0)|(?:b\\\\+.*)"}}}',
    ],
    ['gateways of both', '{gateways: [mesh, a]}', '{gateways: [a, b]}', '{gateways: [a]}'],
    ['no gateway of both', '{gateways: [mesh]}', '{gateways: [a]}', ''],
    ['labels add up', '{sourceLabels: {app: web}}', '{sourceLabels: {zone: a}}', '{sourceLabels: {zone: a, app: web}}'],
    ['labels that differ', '{sourceLabels: {app: web}}', '{sourceLabels: {app: api}}', ''],
    [
      'the same port and namespace',
      '{port: 80, sourceNamespace: a}',
      '{port: 80, sourceNamespace: a}',
      '{port: 80, sourceNamespace: a}',
    ],
    ['another port', '{port: 80}', '{port: 81}', ''],
    ['another namespace', '{sourceNamespace: a}', '{sourceNamespace: b}', ''],
    [
      'names in metrics stay theirs',
      '{name: ours, port: 80}',
      '{name: theirs, statPrefix: s}',
      '{name: theirs, statPrefix: s, port: 80}',
    ],
    ['fields unknown to us stay', '{port: 80}', '{x-new: {a: 1}}', '{x-new: {a: 1}, port: 80}'],
    [
      'claims of a token',
      '{headers: {"@request.auth.claims.group": {exact: qa}}}',
      '{headers: {a: {}}}',
      '{headers: {a: {}, "@request.auth.claims.group": {exact: qa}}}',
    ],
    ['what cannot meet needs no expression', '{uri: {regex: a}, port: 80}', '{uri: {regex: b}, port: 81}', ''],
  ];
  it.each(cases)('%s', (_name, ours, theirs, both) => {
    expect(cross(ours, theirs)).toEqual(yaml(`[${both}]`));
  });

  const inexpressible: readonly (readonly [ours: string, theirs: string, message: string])[] = [
    ['{uri: {regex: /a.*}}', '{uri: {regex: /b.*}}', 'uri regex "/a.*" and for uri regex "/b.*"'],
    [
      '{headers: {Cookie: {regex: x}}}',
      '{headers: {cookie: {prefix: y}}}',
      'header Cookie regex "x" and for header Cookie prefix "y"',
    ],
    [
      '{queryParams: {q: {regex: x}}}',
      '{queryParams: {q: {exact: y}}}',
      'query parameter q regex "x" and for query parameter q exact "y"',
    ],
    [
      '{sourceLabels: {app: tester}}',
      '{gateways: [mesh]}',
      'sourceLabels {"app":"tester"} and for gateways ["mesh"], beside which Istio looks at no caller',
    ],
    ['{gateways: [mesh]}', '{sourceNamespace: a}', 'sourceNamespace "a" and for gateways ["mesh"]'],
    ['{uri: {prefix: /a}}', '{uri: {exact: /A/b}, ignoreUriCase: true}', 'uri prefix "/a" and for uri exact "/A/b"'],
    [
      '{withoutHeaders: {a: {exact: x}}}',
      '{withoutHeaders: {a: {glob: y}}}',
      'no header a exact "x" and for no header a {"glob":"y"}',
    ],
  ];
  it.each(inexpressible)('names both sides: %s and %s', (ours, theirs, message) => {
    expect(() => cross(ours, theirs)).toThrow(InexpressibleMatchError);
    expect(() => cross(ours, theirs)).toThrow(message);
  });
});

type Request = {
  readonly uri: string;
  readonly method: string;
  readonly headers: Fields;
  readonly port: number;
  readonly gateway: string;
  readonly labels: Fields;
};

const holds = (match: unknown, value: unknown, isCased = true): boolean => {
  if (typeof value !== 'string') return false;
  const { exact, prefix, regex } = fieldsOf(match);
  const fold = (text: string) => (isCased ? text : text.toLowerCase());
  if (typeof exact === 'string') return fold(value) === fold(exact);
  if (typeof prefix === 'string') return fold(value).startsWith(fold(prefix));
  return typeof regex === 'string' ? new RegExp(`^(?:${regex})$`).test(value) : true;
};

const takes = (block: Fields, { uri, method, headers, port, gateway, labels }: Request): boolean =>
  (block['uri'] === undefined || holds(block['uri'], uri, block['ignoreUriCase'] !== true)) &&
  (block['method'] === undefined || holds(block['method'], method)) &&
  (block['port'] === undefined || block['port'] === port) &&
  // as Istio does: a block that names gateways looks at no caller
  (block['gateways'] === undefined
    ? Object.entries(fieldsOf(block['sourceLabels'])).every(([key, value]) => labels[key] === value)
    : listOf(block['gateways']).includes(gateway)) &&
  Object.entries(fieldsOf(block['headers'])).every(([name, match]) => holds(match, headers[name.toLowerCase()])) &&
  !Object.entries(fieldsOf(block['withoutHeaders'])).some(([name, match]) => holds(match, headers[name.toLowerCase()]));

const text = fc.constantFrom('/', '/a', '/A', '/a/b', '/b', 'x', 'xy', 'X');
const condition = fc.oneof(
  { arbitrary: text.map(exact => ({ exact })), weight: 3 },
  { arbitrary: text.map(prefix => ({ prefix })), weight: 3 },
  { arbitrary: fc.constantFrom('.*', 'x.?', '/a.*').map(regex => ({ regex })), weight: 1 },
);
const ofHeader = fc.oneof({ arbitrary: condition, weight: 4 }, { arbitrary: fc.constant({}), weight: 1 });
const byHeader = fc.dictionary(fc.constantFrom('a', 'b'), ofHeader, { minKeys: 1, maxKeys: 2 });
const block = fc.record(
  {
    uri: condition,
    ignoreUriCase: fc.boolean(),
    method: fc.constantFrom({ exact: 'GET' }, { prefix: 'P' }),
    port: fc.constantFrom(80, 81),
    gateways: fc.constantFrom(['mesh'], ['edge'], ['edge', 'mesh']),
    sourceLabels: fc.constantFrom({ app: 'a' }, { app: 'b' }, { tier: 'b' }),
    headers: byHeader,
    withoutHeaders: byHeader,
  },
  { requiredKeys: [] },
);
const request: fc.Arbitrary<Request> = fc.record({
  uri: fc.constantFrom('/', '/a', '/A', '/a/b', '/b', '/a/c'),
  method: fc.constantFrom('GET', 'PUT', 'POST'),
  headers: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'xy', 'X', '/a', '/a/b', '/b'), { maxKeys: 2 }),
  port: fc.constantFrom(80, 81),
  gateway: fc.constantFrom('mesh', 'edge'),
  labels: fc.constantFrom({}, { app: 'a' }, { app: 'a', tier: 'b' }),
});

describe('a crossed list', () => {
  it('R28: takes a request exactly when both lists take it', () => {
    const lists = fc.tuple(fc.array(block, { minLength: 1, maxLength: 2 }), fc.array(block, { maxLength: 2 }));
    let crossed = 0;
    fc.assert(
      fc.property(lists, fc.array(request, { minLength: 20, maxLength: 20 }), ([ours, theirs], requests) => {
        let both: readonly Fields[];
        try {
          both = crossMatches(ours, theirs.length === 0 ? undefined : theirs);
        } catch (error) {
          expect(error).toBeInstanceOf(InexpressibleMatchError);
          return;
        }
        crossed += 1;
        for (const one of requests) {
          const byBoth =
            ours.some(match => takes(match, one)) && (theirs.length === 0 || theirs.some(match => takes(match, one)));
          expect({ one, taken: both.some(match => takes(match, one)) }).toEqual({ one, taken: byBoth });
        }
      }),
      { numRuns: 300 },
    );
    expect(crossed).toBeGreaterThan(100);
  });
});
