import { describe, expect, it } from 'vitest';
import { createFileChecker, createFindings, createSourceParser } from '../../../src/adapters/spec/check.ts';
import { checkTemplate, createRenderer } from '../../../src/adapters/templates/render.ts';
import type { GateSpec, Installation, RolloutSpec } from '../../../src/rollout/index.ts';

const installation: Installation = {
  prometheus: ['default'],
  zipkin: [],
  webhookGates: ['https://ci.example.com'],
  gateTemplates: {
    broken: { prometheus: { query: 'sum(up{version="{{canry}}"})' }, threshold: { min: 1 } },
    smoke: { webhook: { url: 'https://ci.example.com/{{version}}' } },
  },
};
const templates = { render: createRenderer(), check: checkTemplate };

const withGates = (...gates: readonly GateSpec[]): RolloutSpec => ({
  version: 'v2',
  strategy: { canary: { steps: [{ setWeight: 50 }] } },
  analysis: { gates },
});
const query = (text: string, more: GateSpec['prometheus'] = {}): GateSpec => ({
  prometheus: { query: text, ...more },
  threshold: { min: 1 },
});
const rollout = (spec: RolloutSpec, generation = 1, uid = 'f3b0') => ({
  uid,
  generation,
  namespace: 'weather',
  name: 'forecast',
  spec,
});
const findingsIn = (spec: RolloutSpec, offered = installation) =>
  createFindings(templates, offered)(rollout(spec)).map(({ path, message }) => `${path} ${message}`);

describe('what is found in a spec that came through the API', () => {
  it('R12: nothing in a sound one, with every name that there is', () => {
    const names = [
      'namespace',
      'name',
      'host',
      'stable',
      'canary',
      'version',
      'step',
      'steps',
      'weight',
      'window',
      'interval',
      'commit',
    ];
    const all = names.map(name => `{{${name}}}`).join(' ');
    const spec = withGates(
      query(`sum(rate(up{a="${all}"}[{{window}}]))`, { samples: 'count(up)' }),
      { webhook: { url: `https://ci.example.com/?${names.map(name => `${name}={{${name}}}`).join('&')}` } },
      { template: 'smoke' },
    );
    expect(findingsIn(spec)).toEqual([]);
  });

  it.each([
    [query('sum(up'), 'prometheus.query is no PromQL expression: it ends too early, expected `)`'],
    [query('up', { samples: 'count(' }), 'prometheus.samples is no PromQL expression: it ends too early, expected `)`'],
    [query('up{a="{{canry}}"}'), 'prometheus.query is no valid template: line 1: "canry" is unknown; did you mean "canary"?'],
    [query('up{{#if'), 'prometheus.query is no valid template: syntax error in line 1'],
    [{ webhook: { url: 'https://ci.example.com/{{comit}}' } }, 'webhook.url is no valid template: line 1: "comit" is unknown'],
    [{ template: 'broken' }, 'prometheus.query is no valid template: line 1: "canry" is unknown'],
  ])('R12: what is broken, with its place: %j', (gate, found) => {
    expect(findingsIn(withGates(gate))).toEqual([expect.stringContaining(`spec.analysis.gates[0].${found}`)]);
  });

  it('R12: also in gates of steps and in those of the configuration', () => {
    const gates = [query('sum(')];
    const inStep: RolloutSpec = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, gates }] } } };
    expect(findingsIn(inStep)).toEqual([
      expect.stringMatching(/^spec\.strategy\.canary\.steps\[0\]\.gates\[0\]\.prometheus\.query is no/),
    ]);
    const bare: RolloutSpec = { version: 'v2', strategy: { canary: { steps: [] } } };
    expect(findingsIn(bare, { ...installation, analysis: { gates } })).toEqual([
      expect.stringMatching(
        /^spec\.analysis\.gates of the configuration: defaults\.analysis\.gates\[0\]\.prometheus\.query is no PromQL/,
      ),
    ]);
  });

  it('is looked for once for each generation of each Rollout', () => {
    let rendered = 0;
    const findings = createFindings(
      {
        ...templates,
        render: (template, values) => {
          rendered += 1;
          return templates.render(template, values);
        },
      },
      installation,
    );
    const spec = withGates(query('sum('));
    for (let look = 0; look < 5; look += 1) expect(findings(rollout(spec))).toHaveLength(1);
    expect(rendered).toBe(1);
    expect(findings(rollout(withGates(query('up')), 2))).toEqual([]);
    expect(findings(rollout(spec, 2, 'a7c1'))).toHaveLength(1);
    expect(rendered).toBe(3);
  });
});

describe('a file', () => {
  const text = `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: forecast, namespace: weather}
spec:
  version: v2
  strategy: {canary: {steps: [{setWeight: 50}]}}
  analysis:
    gates:
    - template: broken
      threshold: {min: 2}
`;

  it('with a gate out of a broken template is told with the line of the gate', () => {
    const { problems } = createFileChecker(templates, installation)(text, 'forecast.yaml');
    expect(problems).toMatchObject([{ file: 'forecast.yaml', line: 9, message: expect.stringContaining('"canry" is unknown') }]);
  });

  it('is not asked for templates of a configuration that is not given', () => {
    expect(createFileChecker(templates)(text, 'forecast.yaml').problems).toEqual([]);
  });
});

describe('files of a Git source', () => {
  const parser = createSourceParser(templates, installation);
  const file = (gate: string): string => `apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: { name: forecast, namespace: weather }
spec:
  version: v2
  strategy: { canary: { steps: [{ setWeight: 50 }] } }
  analysis:
    gates:
      - { name: custom, prometheus: ${gate}, threshold: { min: 1 } }
`;
  const said = (gate: string): readonly string[] =>
    parser(file(gate), 'forecast.yaml').problems.map(({ line, path, message }) => `${line} ${path} ${message}`);

  it('R32: what this installation cannot do is a problem of the file, with its line', () => {
    expect(said('{ query: up }')).toEqual([]);
    expect(said('{ query: up, provider: shpo }')).toMatchObject([
      expect.stringMatching(/^9 .*provider is shpo, which the configuration does not know/),
    ]);
    expect(said("{ query: 'sum(up' }")).toMatchObject([expect.stringMatching(/^9 .*is no PromQL expression/)]);
  });

  it('R32: warnings do not keep a file back', () => {
    const text = file('{ query: up }').replace(/gates:\n.*\n/, 'gates: []\n');
    expect(parser(text, 'forecast.yaml')).toMatchObject({ rollouts: [{ spec: { version: 'v2' } }], problems: [] });
  });
});
