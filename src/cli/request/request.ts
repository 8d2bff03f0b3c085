import type { StoredRollout } from '../../controller/ports.ts';
import { durationText, oneLine, readable, rolloutView } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { findRollout } from '../cluster/findRollout.ts';
import { type CliIo, EXIT } from '../io.ts';
import { formatted } from '../terminal/output.ts';
import { plain } from '../terminal/text.ts';
import { type NotWritten, type Written, writeRequest } from './annotation.ts';
import { type Answer, awaitAnswer } from './answer.ts';
import type { Asked, WrittenOptions } from './options.ts';
import { consequence, refusalText, target } from './words.ts';

/** A controller that runs answers in a second; one that starts needs its caches first. */
const ANSWER_WITHIN_MS = 10_000;
const LONGEST_LINE = 600;

/** Asks, waits for the answer and says it; the exit code. Throws KubeError. */
export const request = async (
  io: CliIo,
  cluster: Cluster,
  { asked, written }: { readonly asked: Asked; readonly written: WrittenOptions },
): Promise<number> => {
  const show = (rollout: StoredRollout): void => {
    const view = rolloutView(readable(rollout), Date.now());
    if (written.output === 'text') io.out(`${key(rollout)}: ${oneLine(consequence(asked.verb, view), LONGEST_LINE)}\n`);
  };
  const startedMs = performance.now();
  const sent = await writeRequest(cluster, asked, show);
  const limitMs = answerLimitMs(asked, written);
  const ended = sent.kind === 'written' ? await awaitAnswer(cluster, sent, limitMs) : sent;
  const outcome = outcomeOf(ended, asked, limitMs);
  if (written.output === 'text') (ended.kind === 'accepted' ? io.out : io.err)(`${outcome.text}\n`);
  else io.out(await formatted(documentOf(asked, sent, { ended, text: outcome.text }), written.output));
  return written.watch && ended.kind === 'accepted' ? lookOn(io, cluster, { asked, written, startedMs }) : outcome.code;
};

/** With `-w` the rest of the time is for the rollout. */
const answerLimitMs = ({ timeoutMs = ANSWER_WITHIN_MS }: Asked, { watch }: WrittenOptions): number =>
  watch ? Math.min(timeoutMs, ANSWER_WITHIN_MS) : timeoutMs;

/** As `sluice status -w` does; but whoever has asked for all traffic to go back does not take that for a no. */
const lookOn = async (
  io: CliIo,
  cluster: Cluster,
  { asked, written, startedMs }: { readonly asked: Asked; readonly written: WrittenOptions; readonly startedMs: number },
): Promise<number> => {
  const [{ watchStatus }, { createTerminal }] = await Promise.all([
    import('../status/watch.ts'),
    import('../terminal/terminal.ts'),
  ]);
  const { name, verb, timeoutMs } = asked;
  const { output } = written;
  const code = await watchStatus({ io, terminal: createTerminal(io.env) }, cluster, {
    name,
    ...(output === 'text' ? {} : { output }),
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.max(1, timeoutMs - (performance.now() - startedMs)) }),
  });
  if (verb !== 'abort' || code !== EXIT.no) return code;
  const { rollout } = await findRollout(cluster, name);
  return rollout.status?.phase === 'RolledBack' ? EXIT.done : code;
};

const key = ({ namespace, name }: StoredRollout): string => `${namespace}/${name}`;

/** `text`: several lines for people, the first one says it. */
const outcomeOf = (
  ended: Answer | NotWritten,
  { verb }: Asked,
  limitMs: number,
): { readonly text: string; readonly code: number } => {
  const { rollout } = ended;
  switch (ended.kind) {
    case 'accepted':
      return { code: EXIT.done, text: `${plain(ended.outcome)}\n${plain(rollout.status?.message ?? '')}` };
    case 'refused':
      return {
        code: EXIT.no,
        text:
          'refusal' in ended
            ? refusalText(ended.refusal, ended.request, rollout)
            : refusalText(ended.outcome.replace(/^refused: /, ''), { verb }, rollout),
      };
    case 'occupied':
      return { code: EXIT.no, text: occupied(ended.by, rollout, verb) };
    case 'takenAway': {
      const instead = ended.request === undefined ? '' : `; what stands there now is ${oneLine(ended.request, 200)}`;
      const text = `not answered: somebody took the request away before it was acted on${instead}\nlook with sluice status ${target(rollout)}, and ask again`;
      return { code: EXIT.no, text };
    }
    case 'unanswered':
      return { code: EXIT.timedOut, text: unanswered(rollout, limitMs) };
  }
};

const occupied = (by: string, rollout: StoredRollout, verb: string): string =>
  [
    `not asked: another request stands there that nobody has answered: ${oneLine(by, LONGEST_LINE)}`,
    `the controller does not seem to run; see: ${LOOK_AT_CONTROLLER}`,
    `to ask for this one instead: sluice ${verb} ${target(rollout)} --replace`,
  ].join('\n');

const unanswered = (rollout: StoredRollout, limitMs: number): string =>
  [
    `nobody has answered within ${durationText(limitMs)}: the controller does not seem to run, or does not watch namespace ${rollout.namespace}`,
    'the request stands, and a controller that starts within 10 minutes carries it out',
    `to take it back: kubectl -n ${rollout.namespace} annotate sro ${rollout.name} sluice.dev/request-`,
    `to see why: ${LOOK_AT_CONTROLLER}`,
  ].join('\n');

const LOOK_AT_CONTROLLER = 'kubectl -n sluice-system get deployment,lease';

/** For programs. */
const documentOf = (
  { verb }: Asked,
  sent: Written | NotWritten,
  { ended, text }: { readonly ended: Answer | NotWritten; readonly text: string },
): object => {
  const { namespace, name, status } = ended.rollout;
  return {
    namespace,
    name,
    verb,
    ...(sent.kind === 'written' ? { id: sent.id } : {}),
    outcome: ended.kind,
    detail: 'outcome' in ended ? ended.outcome : text,
    ...(status === undefined ? {} : { phase: status.phase, reason: status.reason, message: status.message }),
    ...(status?.revision === undefined ? {} : { revision: status.revision }),
    ...(status?.step === undefined ? {} : { step: status.step.index }),
  };
};
