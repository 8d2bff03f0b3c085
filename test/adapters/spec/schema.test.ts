import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseRollouts } from '../../../src/adapters/spec/parse.ts';
import { badSpecs, goodSpecs } from './specs.ts';

const fileOf = (spec: object) =>
  stringify({ apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', metadata: { name: 'forecast' }, spec });

describe('the schema accepts', () => {
  it.each(Object.entries(goodSpecs))('%s', (_, spec) => {
    const { rollouts, problems } = parseRollouts(fileOf(spec), 'forecast.yaml');
    expect(problems).toEqual([]);
    expect(rollouts[0]?.spec).toEqual(spec);
  });
});

describe('the schema refuses, with one problem', () => {
  it.each(Object.entries(badSpecs))('%s', (_, { spec, path, message }) => {
    const { rollouts, problems } = parseRollouts(fileOf(spec), 'forecast.yaml');
    expect(rollouts).toEqual([]);
    expect(problems).toEqual([expect.objectContaining({ path, message: expect.stringContaining(message) })]);
  });
});
