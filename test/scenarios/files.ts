import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolloutSpecSchema } from '../../src/adapters/spec/schema.ts';
import { readScenario, type Scenario } from '../../src/simulation/scenario/scenario.ts';
import { type Simulated, simulate } from '../../src/simulation/scenario/simulate.ts';
import type { WorldOptions } from '../../src/simulation/world.ts';

export type Story = {
  readonly file: string;
  /** Rules and what happens, as the test is called. */
  readonly title: string;
  readonly scenario: Scenario;
};

const SCHEMAS = { spec: rolloutSpecSchema, change: rolloutSpecSchema.partial() };

/** Every scenario of this folder. */
export const stories = (): readonly Story[] =>
  readdirSync(import.meta.dirname)
    .filter(file => file.endsWith('.yaml'))
    .sort()
    .map(readStory);

const readStory = (file: string): Story => {
  const read = readScenario(readFileSync(join(import.meta.dirname, file), 'utf8'), file, SCHEMAS);
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  const { scenario } = read;
  if (scenario.about === undefined) throw new Error(`${file}: about: is missing, expected a sentence that says what it shows`);
  return { file, scenario, title: `${scenario.rules.join(', ')}: ${scenario.about} (${file})` };
};

export const play = ({ scenario, file }: Story, more?: Pick<WorldOptions, 'crash' | 'onDecision'>): Simulated => {
  if (scenario.rollout === undefined) throw new Error(`${file}: has no Rollout`);
  return simulate(scenario, { spec: scenario.rollout }, more);
};
