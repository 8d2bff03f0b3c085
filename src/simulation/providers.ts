import type { Action, PlanGate, RolloutStatus, Routes } from '../rollout/index.ts';
import type { ProcessMemory } from './memory.ts';
import { answerTimeMs, measureGate, measureReference, measureShare, providerOf, type Truth } from './truth.ts';

const ANSWER_MS = 200;

/** What providers see of a world. */
export type Measured = {
  readonly nowMs: number;
  readonly truth: Truth;
  readonly memory: ProcessMemory;
  readonly objects: readonly { readonly routes?: Routes }[];
  weightOf(version: string): number;
};

type Question = Extract<Action, { kind: 'measure' | 'measureReference' | 'measureShare' }>;

/**
 * Sends questions to the providers; each answer comes a little later, and is lost with the memory of the process. Answers
 * `false` when all of them are under way already.
 */
export const ask = (world: Measured, question: Question, status: RolloutStatus): boolean => {
  const { memory } = world;
  switch (question.kind) {
    case 'measureReference':
      return send(world, { topic: question.kind }, () => {
        memory.reference = measureReference(world.truth, question);
      });
    case 'measureShare':
      return send(world, { topic: question.kind }, () => {
        memory.share = measureShare(world.truth, question);
      });
    case 'measure':
      return question.gates.map(name => askGate(world, question, gateOf(status, name), status)).includes(true);
  }
};

const gateOf = ({ plan }: RolloutStatus, name: string): PlanGate => {
  const gate = plan?.gates.find(candidate => candidate.name === name);
  if (gate === undefined) throw new Error(`measuring ${name}: the plan has no such gate`);
  return gate;
};

const askGate = (
  world: Measured,
  { step, sinceMs, atMs, compares, copies }: Extract<Action, { kind: 'measure' }>,
  gate: PlanGate,
  { canaryVersion: version = '', stableVersion: stable = '', gates = [] }: RolloutStatus,
): boolean =>
  send(world, { topic: `${step} ${gate.name}`, provider: providerOf(gate) }, () => {
    const { memory, truth } = world;
    if (memory.measuredStep !== step) memory.measurements = {};
    memory.measuredStep = step;
    const share = Math.max(world.weightOf(version) / 100, ...world.objects.map(({ routes }) => routedShare(truth, routes)));
    memory.measurements[gate.name] = measureGate(truth, {
      gate,
      fromMs: sinceMs,
      atMs,
      version,
      stable,
      share,
      compares,
      copies: copies === true,
      known: gates.find(({ name }) => name === gate.name),
    });
  });

/** What header and mirror routes bring the new version beside its weight, as a share of all requests. */
const routedShare = ({ matching = 0.1 }: Truth, { headerRoutes, mirror }: Routes = {}): number =>
  Math.max(headerRoutes === undefined ? 0 : matching, (mirror?.percentage ?? 0) / 100);

const send = (
  { memory, truth, nowMs }: Measured,
  { topic, provider }: { readonly topic: string; readonly provider?: string },
  take: () => void,
): boolean => {
  if (memory.answers.some(answer => answer.topic === topic)) return false;
  memory.answers.push({ topic, atMs: nowMs + (answerTimeMs(truth, provider) ?? ANSWER_MS), take });
  memory.answers.sort((a, b) => a.atMs - b.atMs);
  return true;
};
