import { describe, expect, it } from 'vitest';
import { checkSpec, type MatchSpec, type StrategySpec } from '../../src/rollout/index.ts';
import { problemOfRegex } from '../../src/rollout/semantics/re2.ts';
import { specOf } from './check.ts';

type Found = { readonly errors: readonly string[]; readonly warnings: readonly string[] };

const check = (strategy: StrategySpec): Found => {
  const found = checkSpec({ ...specOf([]), strategy }).map(({ path, message, suggestion, severity }) => ({
    severity,
    text: `${path.replace('spec.strategy.', '')} ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`,
  }));
  const of = (severity: string) => found.flatMap(problem => (problem.severity === severity ? [problem.text] : []));
  return { errors: of('error'), warnings: of('warning') };
};
const checkMatch = (match: MatchSpec): Found => check({ abTest: { match: [match] } });
const NONE = { errors: [], warnings: [] };

describe('a match', () => {
  it.each<MatchSpec>([
    { headers: { 'user-agent': { regex: '.*Chrome/[0-9]+.*' } } },
    { headers: { 'end-user': { exact: 'jason' } } },
    { headers: { cookie: { regex: '(.*;\\s*)?user=jason(;.*)?' } }, withoutHeaders: { 'x-robot': {} } },
    { headers: { '@request.auth.claims.group': { exact: 'Testers' } }, gateways: ['public'] },
    { queryParams: { Beta: {} } },
    { uri: { prefix: '/New' }, ignoreUriCase: true },
    { method: { exact: 'GET' }, scheme: { exact: 'https' }, authority: { exact: 'weather.example' } },
    { gateways: ['mesh'] },
    { sourceLabels: { app: 'web', 'app.kubernetes.io/name': '' } },
    { sourceNamespace: 'weather' },
    { port: 8080 },
  ])('R28: %j is one', match => {
    expect(checkMatch(match)).toEqual(NONE);
  });

  it.each<[MatchSpec, string]>([
    [{}, 'has no condition, so every request would match'],
    [{ name: 'all' }, 'has no condition, so every request would match'],
    [{ ignoreUriCase: true, statPrefix: 'all', headers: {} }, 'has no condition, so every request would match'],
    [
      { headers: { 'End-User': { exact: 'jason' } } },
      '.headers.End-User is not in lower case, as proxies compare it (did you mean `end-user`?)',
    ],
    [
      { withoutHeaders: { 'X-Robot': {} } },
      '.withoutHeaders.X-Robot is not in lower case, as proxies compare it (did you mean `x-robot`?)',
    ],
    [{ headers: { 'end user': {} } }, '.headers["end user"] is no name of a header'],
    [
      { headers: { method: { exact: 'GET' } } },
      '.headers.method is no header, and has no effect here (use method beside headers)',
    ],
    [{ headers: { ':path': { exact: '/' } } }, '.headers[":path"] is no header, and has no effect here (use uri beside headers)'],
    [{ headers: { cookie: { regex: '(?=user=jason)' } } }, '.headers.cookie.regex looks around, (?=, which RE2 cannot'],
    [{ queryParams: { beta: { regex: '*' } } }, '.queryParams.beta.regex repeats nothing: * (use {} for any value)'],
    [{ uri: { regex: '/(a' } }, '.uri.regex has a ( without its )'],
    [{ uri: { prefix: 'new' } }, '.uri.prefix can never match, as a path begins with / (use /new)'],
    [{ method: { exact: 'get' } }, '.method.exact can never match, as methods are in capitals (did you mean `GET`?)'],
    [{ sourceLabels: { 'no key': 'v1' } }, '.sourceLabels["no key"] is no key of a label'],
    [
      { gateways: ['mesh'], sourceLabels: { app: 'tester' } },
      '.sourceLabels has no effect beside gateways, so every caller would match (leave one out)',
    ],
    [
      { gateways: ['mesh'], sourceNamespace: 'qa' },
      '.sourceNamespace has no effect beside gateways, so every caller would match (leave one out)',
    ],
  ])('R12: %j is refused', (match, message) => {
    const text = message.startsWith('.') ? message : ` ${message}`;
    expect(checkMatch(match).errors).toEqual([`abTest.match[0]${text}`]);
  });

  it.each<[MatchSpec, string]>([
    [{ uri: { prefix: '/' } }, '.uri matches every request: all of them go to the new version, whatever its weight'],
    [{ uri: { regex: '.*' } }, '.uri matches every request: all of them go to the new version, whatever its weight'],
    [
      { headers: { 'user-agent': { regex: 'Chrome' } } },
      '.headers.user-agent.regex has to match the whole value, and matches Chrome only; .*Chrome.* matches it anywhere',
    ],
    [
      { headers: { cookie: { exact: 'user=jason' } } },
      ".headers.cookie.exact is compared with all cookies of a request at once; one among several is matched by regex: '(.*;\\s*)?user=jason(;.*)?'",
    ],
    [{ uri: { regex: '/A.*' }, ignoreUriCase: true }, '.ignoreUriCase has no effect without exact or prefix of uri'],
  ])('%j is warned of', (match, message) => {
    expect(checkMatch(match)).toEqual({ errors: [], warnings: [`abTest.match[0]${message}`] });
  });

  it('R12: is looked at wherever it stands', () => {
    const match = [{ headers: { end: {} } }, {}];
    expect(check({ canary: { steps: [{ setWeight: 5 }, { setHeaderRoute: { match } }] } }).errors).toEqual([
      'canary.steps[1].setHeaderRoute.match[1] has no condition, so every request would match',
    ]);
    expect(check({ blueGreen: { preview: { match } } }).errors).toEqual([
      'blueGreen.preview.match[1] has no condition, so every request would match',
    ]);
  });

  it('R12: a preview and an experiment need one', () => {
    expect(check({ blueGreen: { preview: {} } }).errors).toEqual([
      'blueGreen.preview needs a match that names the requests that see it',
    ]);
    expect(check({ abTest: { match: [] } }).errors).toEqual(['abTest needs a match that names the requests of the experiment']);
    expect(check({ canary: { steps: [{ setHeaderRoute: {}, pause: {} }] } })).toEqual(NONE);
  });
});

describe('a regular expression', () => {
  it.each([
    '',
    '.*Chrome.*',
    '^(.*?;)?(user=jason)(;.*)?$',
    '(?i)chrome|(?-s:firefox)',
    '(?P<major>\\d+)\\.(?<minor>\\d{1,3})',
    '[^]a-z\\]\\d-]+',
    '[[:alpha:][:^digit:]_.-]{0,1000}?',
    '\\Qa.*b(\\E+',
    '\\pL\\p{Greek}\\x41\\x{1F600}\\012\\0',
    'a{2}b{2,}c{2,4}d{x}{',
    '^*$',
    '(a*)+',
    'a(?i)*',
    '(?P<n>a)(?<n>b)',
    '[(-[:]',
    '\\ ',
    'a\\+\\/\\-\\_',
    '😀+[😀-😂]',
  ])('is %s', text => {
    expect(problemOfRegex(text)).toBeUndefined();
  });

  it.each([
    ['(?!a)', 'looks around, (?!, which RE2 cannot'],
    ['(?<=a)b', 'looks around, (?<=, which RE2 cannot'],
    ['(?<!a)b', 'looks around, (?<!, which RE2 cannot'],
    ['(?>a)', 'has an atomic group, (?>, which RE2 cannot'],
    ['(a)\\1', 'refers back to a group, \\1, which RE2 cannot'],
    ['(?P<n>a)(?P=n)', 'refers back to a group, (?P=n), which RE2 cannot'],
    ['(?<n>a)\\k<n>', 'refers back to a group, \\k, which RE2 cannot'],
    ['(?#x)', 'has a group of another language, (?#, which RE2 cannot'],
    ['(?x)a', 'has a group that RE2 does not know: (?x)'],
    ['a)', 'has a ) without its ('],
    ['(a', 'has a ( without its )'],
    ['\\Q\\E+', 'repeats nothing: +'],
    ['[a-', 'has a [ without its ]'],
    ['[]', 'has a [ without its ]'],
    ['[z-a]', 'has a range upside down: [z-a]'],
    ['[a-\\d]', 'has a range upside down: [a-\\d]'],
    ['[[:letter:]]', 'has a class that RE2 does not know: [:letter:]'],
    ['[\\b]', 'has an escape in [] that RE2 does not know there: \\b'],
    ['+a', 'repeats nothing: +'],
    ['a|*', 'repeats nothing: *'],
    ['(?i)*', 'repeats nothing: *'],
    ['a++', 'repeats a repetition: +'],
    ['a{2}{3}', 'repeats a repetition: {3}'],
    ['a{1001}', 'has a repetition that RE2 refuses: {1001} (at most 1000 times, the smaller number first)'],
    ['a{3,2}', 'has a repetition that RE2 refuses: {3,2} (at most 1000 times, the smaller number first)'],
    ['a\\', 'ends with a \\ that escapes nothing'],
    ['a\\Z', 'has an escape that RE2 does not know: \\Z'],
    ['\\p{', 'has an escape that RE2 does not know: \\p'],
  ])('is not %s', (text, problem) => {
    expect(problemOfRegex(text)).toBe(problem);
  });
});

describe('stickiness', () => {
  const sticky = (cookie: string, ttl?: string, ...weights: readonly number[]): Found =>
    check({ canary: { steps: weights.map(setWeight => ({ setWeight })), stickiness: { cookie, ttl } } });
  const TOLD = 'canary.stickiness holds for callers that keep cookies; all others are drawn anew at each request';

  it('is told whom it holds for', () => {
    for (const ttl of [undefined, '1s', '400d'])
      expect(sticky('sluice-forecast', ttl, 10, 50)).toEqual({ errors: [], warnings: [TOLD] });
  });

  it('R12: needs a step that splits', () => {
    for (const weights of [[], [0], [100], [0, 100]])
      expect(sticky('s', undefined, ...weights).errors).toEqual([
        'canary.stickiness has no effect, as no step has a weight between 0 and 100 (leave it out)',
      ]);
  });

  it('R12: needs a cookie that browsers keep', () => {
    expect(sticky('__Host-forecast', undefined, 10).errors).toEqual([
      'canary.stickiness.cookie is __Host-forecast: browsers keep names with this prefix only from https with Secure',
    ]);
    for (const ttl of ['999ms', '0s', '401d'])
      expect(sticky('s', ttl, 10).errors).toEqual([
        `canary.stickiness.ttl is ${ttl}, expected 1s to 400d, as long as browsers keep a cookie`,
      ]);
  });

  it('R12: is refused beside a match on the one cookie that people have, as they get another one', () => {
    const match = [{ headers: { cookie: { exact: 'user=jason' } } }];
    const { errors } = check({
      canary: { steps: [{ setHeaderRoute: { match } }, { setWeight: 50 }], stickiness: { cookie: 's' } },
    });
    expect(errors).toEqual([
      "canary.steps[0].setHeaderRoute.match[0].headers.cookie.exact matches nobody who has the cookie s (use regex: '(.*;\\s*)?user=jason(;.*)?')",
    ]);
  });
});
