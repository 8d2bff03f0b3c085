import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { rolloutDefinition, rolloutDefinitionYaml } from '../../../src/adapters/spec/crd.ts';
import { toStructural } from '../../../src/adapters/spec/structural.ts';

const [version] = rolloutDefinition().spec.versions;

describe('the CustomResourceDefinition', () => {
  it('is the one that is checked in (npm run generate)', () => {
    const file = new URL('../../../templates/crd/rollouts.sluice.dev.yaml', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(rolloutDefinitionYaml());
  });

  it('reads back as it was written', () => {
    expect(parse(rolloutDefinitionYaml())).toEqual(rolloutDefinition());
  });

  it('has the names of the contract', () => {
    expect(rolloutDefinition().spec.names).toMatchObject({
      plural: 'rollouts',
      kind: 'Rollout',
      shortNames: ['sro'],
      categories: ['all', 'sluice'],
    });
  });

  it('shows the columns of the contract in their order', () => {
    const columns = version?.additionalPrinterColumns.map(
      ({ name, jsonPath, priority }) => `${name} ${jsonPath}${priority ? ' (wide)' : ''}`,
    );
    expect(columns).toEqual([
      'Status .status.phase',
      'Version .status.display.version',
      'Step .status.display.step',
      'Weight .status.display.weight',
      'Message .status.message',
      'Stable .status.stableVersion (wide)',
      'Source .status.source.name (wide)',
      'Age .metadata.creationTimestamp',
    ]);
  });

  it('describes each field of the spec', () => {
    const missing: string[] = [];
    const look = (schema: object, path: string): void => {
      if (path.includes('.') && !('description' in schema) && !path.endsWith('[]')) missing.push(path);
      if ('properties' in schema)
        for (const [name, child] of Object.entries(schema.properties ?? {})) look(child, `${path}.${name}`);
      if ('items' in schema) look(schema.items ?? {}, `${path}[]`);
      if ('additionalProperties' in schema) look(schema.additionalProperties ?? {}, `${path}[]`);
    };
    look(version?.schema.openAPIV3Schema.properties.spec ?? {}, 'spec');
    expect(missing).toEqual([]);
  });

  it('keeps what it does not know in the status', () => {
    expect(version?.schema.openAPIV3Schema.properties.status).toMatchObject({ 'x-kubernetes-preserve-unknown-fields': true });
  });
});

describe('a structural schema', () => {
  it('says no more than the API server takes', () => {
    expect(toStructural(z.strictObject({ a: z.int(), b: z.looseObject({}).optional() }))).toEqual({
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'object', properties: {}, 'x-kubernetes-preserve-unknown-fields': true } },
      required: ['a'],
    });
  });

  it('knows what the values of a map are', () => {
    expect(toStructural(z.record(z.string(), z.strictObject({ a: z.string() })).meta({ maxProperties: 2 }))).toEqual({
      type: 'object',
      additionalProperties: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      maxProperties: 2,
    });
  });

  it('cannot be made of alternatives', () => {
    expect(() => toStructural(z.strictObject({ a: z.union([z.string(), z.number()]) }))).toThrow('.a has the keyword anyOf');
  });
});
