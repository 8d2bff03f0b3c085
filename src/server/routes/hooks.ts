import { type Context, Hono } from 'hono';
import { type AnswerHook, type AnswerOutcome, type HookRequest, type PushHook, Refused } from '../../controller/channel-ports.ts';
import { answerResponse, outcomeLabel, type TakeAnswer } from '../answer.ts';
import { type Gatehouse, type Inbound, noted, onlyPost, passOn } from '../inbound.ts';
import { type Outcome, Problem, toProblem } from '../problem.ts';

export type HookRoutesDeps = {
  /** Programs that bring answers of people, by path. */
  readonly answerHooks: Readonly<Record<string, AnswerHook>>;
  readonly pushHooks: readonly PushHook[];
  readonly answer: TakeAnswer;
  /** Has a Git source looked at. */
  readonly wakeSource: (name: string) => void;
  readonly gatehouse: Gatehouse;
};

const MOST_ANSWER_BYTES = 256 * 1024;
/** Git servers tell of many commits at once; nothing of it is read. */
const MOST_PUSH_BYTES = 1024 * 1024;
/** Slack shows a failure after 3 s. */
const PROMPT_TIMEOUT_MS = 2_000;
/** The leader stores the answer first, which may take 10 s. */
const STORED_TIMEOUT_MS = 15_000;
/** Answers whose outcome nobody waits for; each takes 10 s at most. */
const MOST_UNTOLD = 5_000;

/** `POST /hooks/...`: each program proves by itself who it is, before anything is looked up. */
export const hookRoutes = (deps: HookRoutesDeps): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  for (const [path, hook] of Object.entries(deps.answerHooks)) addAnswerHook(routes, path, { ...deps, hook });
  for (const hook of deps.pushHooks) addPushHook(routes, hook, deps);
  return routes;
};

const addAnswerHook = (routes: Hono<Inbound>, path: string, deps: HookRoutesDeps & { readonly hook: AnswerHook }): void => {
  const { hook, answer, gatehouse } = deps;
  const background = createBackground(deps);
  const timeoutMs = hook.tell === undefined ? STORED_TIMEOUT_MS : PROMPT_TIMEOUT_MS;
  const count = (outcome: Outcome): void => gatehouse.metrics.answered(hook.name, outcome);
  routes.use(path, noted(hook.name, gatehouse, count), onlyPost);
  routes.post(path, async context => {
    const request = await readRequest(context, gatehouse, MOST_ANSWER_BYTES);
    await verified(context, gatehouse, () => hook.verify(request));
    const passed = await passOn(context, gatehouse, { listener: 'hooks', body: request.body, timeoutMs });
    if (passed !== undefined) return passed;
    if (hook.tell !== undefined) {
      background.take(request);
      return context.body(null, 200);
    }
    const given = await hook.read(request);
    context.set('about', { rollout: given.key });
    const outcome = await answer(given);
    const response = answerResponse(given, outcome);
    context.set('outcome', outcomeLabel(outcome));
    return response;
  });
};

const addPushHook = (routes: Hono<Inbound>, hook: PushHook, { gatehouse, wakeSource }: HookRoutesDeps): void => {
  const path = `/hooks/git/${hook.source}`;
  const count = (outcome: Outcome): void => gatehouse.metrics.pushed(hook.source, outcome);
  routes.use(path, noted(`git/${hook.source}`, gatehouse, count), onlyPost);
  routes.post(path, async context => {
    const request = await readRequest(context, gatehouse, MOST_PUSH_BYTES);
    await verified(context, gatehouse, () => hook.verify(request));
    // the leader needs the signed bytes too: it verifies by itself
    const passed = await passOn(context, gatehouse, { listener: 'hooks', body: request.body, timeoutMs: PROMPT_TIMEOUT_MS });
    if (passed !== undefined) return passed;
    wakeSource(hook.source);
    context.set('outcome', 'woken');
    return context.body(null, 202);
  });
};

const readRequest = async ({ env }: Context<Inbound>, gatehouse: Gatehouse, mostBytes: number): Promise<HookRequest> => {
  const { incoming } = env;
  const body = await gatehouse.readBody(incoming, mostBytes, gatehouse.addressOf(incoming));
  const headers = Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
    values === undefined ? [] : [[name, values] as const],
  );
  return { headers: Object.fromEntries(headers), body };
};

/** Whoever proves who they are is let in, however many others of the same address have failed: to check it costs little. */
const verified = async (
  context: Context<Inbound>,
  { limit, addressOf, logger }: Gatehouse,
  verify: () => Promise<void> | void,
): Promise<void> => {
  try {
    await verify();
  } catch (error) {
    limit.check(addressOf(context.env.incoming));
    if (error instanceof Refused) throw error;
    logger.error({ err: error }, 'it cannot be checked who sends requests from outside');
    throw new Problem(503, 'it cannot be checked at this moment who sent this; try again');
  }
  context.set('isVerified', true);
};

/** Takes answers whose sender does not wait, and tells people what became of them. */
const createBackground = ({ hook, answer, gatehouse }: HookRoutesDeps & { readonly hook: AnswerHook }) => {
  const { logger, metrics } = gatehouse;
  let untold = 0;

  const outcomeOf = async (
    request: HookRequest,
  ): Promise<{ readonly outcome: AnswerOutcome | Refused; readonly about: object }> => {
    let about = {};
    try {
      const given = await hook.read(request);
      about = { rollout: given.key, identity: given.identity };
      return { outcome: await answer(given), about };
    } catch (error) {
      if (error instanceof Refused) return { outcome: error, about };
      throw error;
    }
  };

  const work = async (request: HookRequest): Promise<void> => {
    const { outcome, about } = await outcomeOf(request);
    const label = outcome instanceof Refused ? toProblem(outcome).outcome : outcomeLabel(outcome);
    metrics.answered(hook.name, label);
    logger.info({ via: hook.name, ...about, outcome: label }, 'a request from outside was answered');
    try {
      await hook.tell?.(request, outcome);
    } catch (error) {
      logger.warn({ via: hook.name, ...about, err: error }, 'nobody could be told what became of an answer');
    }
  };

  return {
    take: (request: HookRequest): void => {
      if (untold >= MOST_UNTOLD) throw new Problem(503, 'too many answers are waiting; try again');
      untold += 1;
      work(request)
        .catch((error: unknown) => {
          metrics.answered(hook.name, 'failed');
          logger.error({ via: hook.name, err: error }, 'answering a request from outside failed');
        })
        .finally(() => {
          untold -= 1;
        });
    },
  };
};
