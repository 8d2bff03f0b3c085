import { describe, expect, it } from 'vitest';
import { parseRollouts } from '../../../src/adapters/spec/parse.ts';

const GOOD = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: forecast, namespace: weather}
spec:
  version: v2
  strategy: {canary: {steps: [{setWeight: 50, pause: {duration: 5m}}]}}
`;

/** The problems as people see them. */
const problemsOf = (text: string, namespace: 'optional' | 'required' = 'optional') =>
  parseRollouts(text, 'f.yaml', { namespace }).problems.map(
    ({ line, column, path, message, suggestion }) =>
      `${line}:${column} ${path}: ${message}${suggestion ? ` (${suggestion})` : ''}`,
  );

describe('what is read', () => {
  it('gives the Rollout with its place, and knows where its values stand', () => {
    const { rollouts, problems, found, ignored } = parseRollouts(`# a comment\n${GOOD}`, 'f.yaml');
    expect({ problems, found, ignored }).toEqual({ problems: [], found: 1, ignored: 0 });
    const [rollout] = rollouts;
    expect(rollout).toMatchObject({
      file: 'f.yaml',
      line: 2,
      column: 1,
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'forecast', namespace: 'weather' },
    });
    expect(rollout?.locate('spec.version')).toEqual({ line: 6, column: 12 });
    expect(rollout?.locate('spec.strategy.canary.steps[0].pause.duration')).toEqual({ line: 7, column: 65 });
    expect(rollout?.locate('spec.analysis.gates[3].name')).toEqual({ line: 5, column: 1 });
  });

  it('takes several documents, and counts those of other kinds', () => {
    const other = 'apiVersion: v1\nkind: Service\nmetadata: {name: forecast}\n';
    const foreign = 'apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n';
    const text = [other, GOOD, '# nothing\n', foreign, GOOD.replace('name: forecast', 'name: other'), 'just a text\n'].join(
      '---\n',
    );
    const { rollouts, problems, found, ignored } = parseRollouts(text, 'f.yaml');
    expect(rollouts.map(({ metadata }) => metadata.name)).toEqual(['forecast', 'other']);
    expect({ problems, found, ignored }).toEqual({ problems: [], found: 2, ignored: 3 });
  });

  it('takes JSON, Windows line ends, a byte order mark, anchors and merge keys', () => {
    const json = JSON.stringify({
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'a' },
      spec: { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50 }] } } },
    });
    expect(problemsOf(json)).toEqual([]);
    expect(problemsOf(`\uFEFF${GOOD.replaceAll('\n', '\r\n')}`)).toEqual([]);
    const merged = GOOD.replace(
      /strategy:.*/,
      'strategy:\n    canary:\n      steps:\n      - &step {setWeight: 10, pause: {duration: 5m}}\n      - {<<: *step, setWeight: 50}\n      - *step',
    );
    expect(problemsOf(merged)).toEqual([]);
    expect(parseRollouts(merged, 'f.yaml').rollouts[0]?.spec.strategy.canary?.steps[1]).toEqual({
      setWeight: 50,
      pause: { duration: '5m' },
    });
  });

  it('takes what kubectl prints, with status and all metadata', () => {
    const printed = GOOD.replace(
      'namespace: weather}',
      'namespace: weather, uid: x, resourceVersion: "1", generation: 1, managedFields: []}',
    );
    expect(problemsOf(`${printed}status: {phase: Healthy}\n`)).toEqual([]);
  });

  it('R32: one bad document does not hide the others', () => {
    const { rollouts, problems } = parseRollouts(
      `${GOOD}---\n${GOOD.replace('v2', '[]').replace('forecast', 'other')}`,
      'f.yaml',
    );
    expect(rollouts).toHaveLength(1);
    expect(problems).toHaveLength(1);
  });
});

describe('what is said', () => {
  it.each([
    [
      'a misspelt field',
      ['setWeight', 'setWieght'],
      '6:32 spec.strategy.canary.steps[0].setWieght: unknown field `setWieght` (did you mean `setWeight`?)',
    ],
    [
      'a misspelt condition',
      ['{setWeight', '{setHeaderRoute: {match: [{headers: {x-cohort: {exat: b}}}]}, setWeight'],
      '6:79 spec.strategy.canary.steps[0].setHeaderRoute.match[0].headers.x-cohort.exat: unknown field `exat` (did you mean `exact`?)',
    ],
    [
      'a misspelt field of a match',
      ['{setWeight', '{setHeaderRoute: {match: [{port: 80, sourceLables: {app: web}}]}, setWeight'],
      '6:68 spec.strategy.canary.steps[0].setHeaderRoute.match[0].sourceLables: unknown field `sourceLables` (did you mean `sourceLabels`?)',
    ],
    ['a field of nobody', ['version: v2', 'version: v2\n  colour: red'], '6:3 spec.colour: unknown field `colour`'],
    [
      'a misspelt label block',
      ['{name: forecast', '{lables: {}, name: forecast'],
      '3:12 metadata.lables: unknown field `lables` (did you mean `labels`?)',
    ],
    [
      'a value out of range',
      ['50', '101'],
      '6:43 spec.strategy.canary.steps[0].setWeight: is the number 101, expected a whole number from 0 to 100',
    ],
    [
      'a number for a version',
      ['v2', '1.5'],
      '5:12 spec.version: is the number 1.5, expected the version that is wanted (a label value: letters, digits, "-", "_", ".") (put it in quotes)',
    ],
    [
      'a duration without unit',
      ['5m', '5'],
      '6:65 spec.strategy.canary.steps[0].pause.duration: is the number 5, expected a duration such as 30s, 5m or 1h30m (units ms, s, m, h, d)',
    ],
    ['an empty field', ['{duration: 5m}', ''], '6:47 spec.strategy.canary.steps[0].pause: is empty, expected fields'],
    [
      'a missing field',
      ['  version: v2\n', ''],
      '4:1 spec.version: is missing, expected the version that is wanted (a label value: letters, digits, "-", "_", ".")',
    ],
    [
      'a wrong version of the API',
      ['v1alpha1', 'v1beta1'],
      '1:13 apiVersion: is "sluice.dev/v1beta1", expected sluice.dev/v1alpha1 (did you mean `sluice.dev/v1alpha1`?)',
    ],
    [
      'a misspelt group',
      ['sluice.dev', 'slucie.dev'],
      '1:13 apiVersion: is "slucie.dev/v1alpha1", expected sluice.dev/v1alpha1 (did you mean `sluice.dev/v1alpha1`?)',
    ],
    ['a misspelt kind', ['Rollout', 'Rolout'], '2:7 kind: is "Rolout", expected Rollout (did you mean `Rollout`?)'],
    [
      'a name in capitals',
      ['forecast', 'Forecast'],
      '3:18 metadata.name: is "Forecast", expected the name of the Rollout: lower-case letters, digits, "-" and ".", at most 253',
    ],
    ['a key that is there twice', ['version: v2', 'version: v2\n  version: v3'], '6:3 : map keys must be unique'],
    ['a tab', ['  version', '\tversion'], '5:1 : tabs are not allowed as indentation'],
    ['an alias to nowhere', ['v2', '*nowhere'], '5:12 : nothing before it has the anchor &nowhere'],
    ['an unknown tag', ['v2', '!secret v2'], '5:12 : unresolved tag: !secret'],
  ])('about %s', (_, [from, to], expected) => {
    expect(problemsOf(GOOD.replace(from ?? '', to ?? ''))).toEqual([expected]);
  });

  it('all at once, in the order of the file', () => {
    const text = GOOD.replace('50', '101').replace('v2', '3').replace('5m', 'soon');
    expect(problemsOf(text).map(problem => problem.split(' ')[0])).toEqual(['5:12', '6:43', '6:66']);
  });

  it('about a Rollout that is there twice', () => {
    expect(problemsOf(`${GOOD}---\n${GOOD}`)).toEqual(['10:18 metadata.name: the Rollout forecast is already defined in line 1']);
  });

  it('about a missing namespace only where one is needed', () => {
    const text = GOOD.replace(', namespace: weather', '');
    expect(problemsOf(text)).toEqual([]);
    expect(problemsOf(text, 'required')).toEqual([
      '3:1 metadata.namespace: is missing, expected a namespace: lower-case letters, digits and "-", at most 63',
    ]);
  });
});

describe('what could harm the reader is refused quickly', () => {
  const lols = (name: string, of: string) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join(', ')}]\n`;
  it.each([
    ['brackets', '['.repeat(500_000), 'nested too deeply, expected at most 100 levels'],
    ['braces', '{a: '.repeat(200_000), 'nested too deeply, expected at most 100 levels'],
    ['dashes', '- '.repeat(400_000), 'nested too deeply, expected at most 100 levels'],
    ['question marks', '? '.repeat(400_000), 'nested too deeply, expected at most 100 levels'],
    ['indentation', Array.from({ length: 1_300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'), 'nested too deeply'],
    [
      'indentation and dashes',
      Array.from({ length: 60 }, (_, depth) => `${' '.repeat(depth * 100)}${'- '.repeat(50)}a:`).join('\n'),
      'nested too deeply',
    ],
    ['an alias of itself', 'a: &a {b: *a}', 'nested too deeply'],
    [
      'aliases of aliases',
      `a: &a [x]\n${lols('b', 'a')}${lols('c', 'b')}${lols('d', 'c')}${lols('e', 'd')}`,
      'excessive alias count',
    ],
    ['documents', '---\n'.repeat(200_000), 'too many documents, expected at most 1000'],
    ['size', `# ${'x'.repeat(1_048_576)}`, 'the file has 1048578 bytes, expected at most 1048576 (1 MiB)'],
  ])('%s', (_, text, message) => {
    expect(parseRollouts(text, 'f.yaml')).toMatchObject({
      rollouts: [],
      problems: [{ message: expect.stringContaining(message) }],
    });
  });

  it('but not many brackets in texts', () => {
    const text = GOOD.replace('version: v2', `version: v2 # ${'['.repeat(200)}`).replace(
      'weather}',
      `weather, annotations: {note: "${'{'.repeat(200)}"}}`,
    );
    expect(problemsOf(text)).toEqual([]);
  });
});
