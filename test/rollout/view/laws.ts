import { expect } from 'vitest';
import {
  type Rollout,
  type RolloutStatus,
  type RolloutView,
  rolloutLine,
  rolloutView,
  type Verb,
} from '../../../src/rollout/index.ts';
import { refusalOf } from '../../../src/rollout/people/request.ts';

type Looked = { readonly view: RolloutView; readonly status: RolloutStatus; readonly nowMs: number };

/** What holds for what people see, whatever the status is; answers the view. */
export const lookAt = (rollout: Rollout, status: RolloutStatus, nowMs: number): RolloutView => {
  const { namespace, name, spec } = rollout;
  const view = rolloutView({ namespace, name, spec, status }, nowMs);
  const looked = { view, status, nowMs };
  const where = `${status.phase}/${status.reason}: ${status.message}`;
  expect(broken(looked), where).toEqual([]);
  const { phase, reason, title, message, attention, since, revision } = view;
  const line = {
    namespace,
    name,
    phase,
    reason,
    title,
    message,
    attention,
    ...(since && { since }),
    ...(revision && { revision }),
  };
  expect(rolloutLine({ namespace, name, spec, status }), where).toMatchObject(line);
  return view;
};

/** The laws that do not hold. */
const broken = (looked: Looked): readonly string[] =>
  Object.entries(LAWS).flatMap(([law, holds]) => (holds(looked) ? [] : [`${law}: ${JSON.stringify(looked.view)}`]));

const LAWS: Readonly<Record<string, (looked: Looked) => boolean>> = {
  'what ended badly is broken': ({ view }) =>
    (view.phase !== 'RolledBack' && view.phase !== 'Invalid') || view.attention === 'broken',
  'an open question asks': ({ view }) => view.question === undefined || view.attention === 'asks' || view.attention === 'broken',
  'nothing is fine but what is Healthy': ({ view }) => view.attention !== 'fine' || view.phase === 'Healthy',
  'one step is the present one while an attempt is in progress': ({ view }) => {
    const present = view.steps.filter(({ mark }) => mark === 'now' || mark === 'back');
    if (view.step === undefined) return present.length <= 1 && present.every(({ mark }) => mark === 'back');
    const expected = view.phase === 'RollingBack' ? 'back' : 'now';
    return view.step === 0
      ? present.length === 0
      : present.length === 1 && present[0]?.index === view.step && present[0].mark === expected;
  },
  'marks go from done to the present step to those that come': ({ view }) => {
    const order = view.steps.map(({ mark }) => ['done', 'now', 'back', 'next'].indexOf(mark));
    return order.every((rank, index) => index === 0 || (order[index - 1] ?? 0) <= rank);
  },
  'only the present step says since when': ({ view }) =>
    view.steps.every(({ index, startedAt }) => startedAt === undefined || index === view.step),
  'where an attempt ended is told when none is in progress': ({ view }) => view.ended === undefined || view.step === undefined,
  'the weight is that of the traffic': ({ view, status }) => view.weight.intended === (status.traffic?.weight ?? 0),
  'numbers of gates have their unit': ({ view }) =>
    view.gates.every(
      ({ name, value, baseline }) =>
        !/^(success-rate|unattributed|p\d+)$/.test(name) ||
        [value, baseline].every(text => text === undefined || / (%|ms)$/.test(text)),
    ),
  'what it waits for has words': ({ view }) => view.waiting === undefined || view.waiting.words.length > 4,
  'every command can be pasted, and is taken': looked => looked.view.todo.every(line => isGoodAdvice(line, looked)),
  'a verb is refused exactly as the rules refuse it': ({ view, status, nowMs }) =>
    view.actions.every(({ verb, refusal }) => {
      const named = { ...(status.revision && { revision: status.revision }), ...(status.step && { step: status.step.index }) };
      return refusal === refusalOf({ id: 'x', raw: '', verb, force: false, ...named }, status, nowMs);
    }),
  'it is JSON': ({ view }) => JSON.stringify(JSON.parse(JSON.stringify(view))) === JSON.stringify(view),
};

const ADVICE = /^[^:]+(?:: [^:]+)*?: (sluice|kubectl) (.+)$/;
const REQUEST = /^(promote|abort|pause|resume|retry) forecast -n weather( --force)?(?: --revision (\w+) --step (\d+))?$/;

const isGoodAdvice = (line: string, { view, status, nowMs }: Looked): boolean => {
  const [, program, rest = ''] = ADVICE.exec(line) ?? [];
  if (program === undefined) return !/\b(sluice|kubectl) (promote|abort|resume|retry|annotate)/.test(line);
  if (program === 'kubectl' || rest === 'freeze --off') return !rest.includes('undefined');
  const answer = /^(?:approve|reject) forecast -n weather --revision (\w+) --step (\d+)$/.exec(rest);
  if (answer !== null) return answer[1] === view.question?.revision && Number(answer[2]) === view.question?.step;
  const [, verb, force, revision, step] = REQUEST.exec(rest) ?? [];
  if (verb === undefined) return false;
  const named = { ...(revision && { revision }), ...(step && { step: Number(step) }) };
  return refusalOf({ id: 'x', raw: '', verb: verb as Verb, force: force !== undefined, ...named }, status, nowMs) === undefined;
};
