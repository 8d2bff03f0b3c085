import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { prune, validateObject } from '../../src/sandbox/kube/schema.ts';
import type { WorldOptions } from '../../src/simulation/world.ts';

const CRD = new URL('../../templates/crd/rollouts.sluice.dev.yaml', import.meta.url);
const [{ schema }] = parse(readFileSync(CRD, 'utf8')).spec.versions;
const STATUS_SCHEMA = schema.openAPIV3Schema.properties.status;

/** What an API server with our CustomResourceDefinition would refuse, or drop, of a status. */
export const unfit = (status: object): readonly unknown[] => {
  const sent = JSON.parse(JSON.stringify(status));
  return [...validateObject(STATUS_SCHEMA, sent), ...prune(STATUS_SCHEMA, sent).unknown];
};

/** Fails at the first status that the API server would not take, or not keep whole; one of each kind is looked at. */
export const watchFitting = (): NonNullable<WorldOptions['onDecision']> => {
  const seen = new Set<string>();
  return (_rollout, _observation, { status }) => {
    const { phase, reason, waitingFor, step, history, retire } = status;
    const kind = [phase, reason, waitingFor?.what, step?.index, history?.length, retire?.done, Object.keys(status)].join();
    if (seen.has(kind)) return;
    seen.add(kind);
    expect(unfit(status), status.message).toEqual([]);
  };
};
