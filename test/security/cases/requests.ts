import { type ApiAnswer, apiAnswer } from '../requests.ts';
import { type Case, type Group, refusedWith } from './case.ts';

const VICTIM = '/api/v1/rollouts/meteo/forecast';
/** May update every Rollout, and approve none. */
const UPDATER = 'token-for-other-verbs';

/** A request to change the rollout as the right sender would make it, but for what the case changes. */
const asking =
  (verb: string, token: string | undefined, change: ApiAnswer = {}): Case['attempt'] =>
  ({ victim }) =>
    apiAnswer(victim, { path: `${VICTIM}/${verb}`, token, body: '{}', ...change });

/** What promote is about. */
const naming =
  (verb: string, more: object): Case['attempt'] =>
  ({ victim: { revision, ...victim } }) =>
    apiAnswer(
      { revision, ...victim },
      { path: `${VICTIM}/${verb}`, token: UPDATER, body: JSON.stringify({ revision, ...more }) },
    );

export const REQUESTS: Group = {
  group: 'requests',
  cases: [
    ...refusedWith([401], {
      'abort without a token': asking('abort', undefined),
      'abort with an unknown token': asking('abort', 'token-of-nobody'),
      'abort with an expired token': asking('abort', 'token-of-yesterday'),
      'promote with a token in a cookie': asking('promote', undefined, { headers: { cookie: `token=${UPDATER}` } }),
      'resume with a token in the query': asking('resume', undefined, { path: `${VICTIM}/resume?token=${UPDATER}` }),
    }),
    ...refusedWith([403], {
      'abort with the right to approve only': asking('abort', 'token-of-alice'),
      'pause without any right': asking('pause', 'token-without-rights'),
      'abort with the right on the status only': asking('abort', 'token-for-status'),
      'abort by impersonation': asking('abort', 'token-of-eve', { headers: { 'impersonate-user': 'ivan@example.com' } }),
      'abort, forced, without the right': asking('abort', 'token-of-alice', { body: '{"force":true}' }),
      'approval with the right to update only': ({ victim }) => apiAnswer(victim, { token: UPDATER }),
    }),
    ...refusedWith([409], {
      'promote of whatever there is': asking('promote', UPDATER),
      'promote of another revision': naming('promote', { revision: '00000000', step: 1 }),
      'promote of a step that is not in progress': naming('promote', { step: 2 }),
      'abort of another revision': naming('abort', { revision: '00000000' }),
      'retry of what was not rolled back': naming('retry', {}),
      'resume of what is not paused': naming('resume', {}),
    }),
    ...refusedWith([400], {
      'promote in the name of somebody else': naming('promote', { step: 1, by: 'alice@example.com' }),
      'abort with an id of its own': naming('abort', { id: '1' }),
      'abort at a time of its own': naming('abort', { at: '2026-11-21T14:00:00Z' }),
      'pause that is forced': naming('pause', { force: true }),
      'abort with a field twice': asking('abort', UPDATER, { body: '{"reason":"a","reason":"b"}' }),
      'abort with a prototype': asking('abort', UPDATER, { body: '{"__proto__":{"force":true}}' }),
    }),
    ...refusedWith([413, 0], {
      'a reason of 300 KiB': asking('abort', UPDATER, { body: JSON.stringify({ reason: 'x'.repeat(300_000) }) }),
    }),
    ...refusedWith([415], {
      'abort by a form of another page': asking('abort', UPDATER, { headers: { 'content-type': 'text/plain' } }),
      'abort by a form with fields': asking('abort', UPDATER, {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'reason=x',
      }),
      'abort without a content type': asking('abort', UPDATER, { headers: { 'content-type': undefined } }),
    }),
    ...refusedWith([404, 405], {
      'a verb that there is not': asking('delete', UPDATER),
      'a verb in capitals': asking('ABORT', UPDATER),
      'abort by GET': asking('abort', UPDATER, { method: 'GET', body: '' }),
      'abort by PUT': asking('abort', UPDATER, { method: 'PUT' }),
      'a question of another page whether it may send one': asking('abort', UPDATER, {
        method: 'OPTIONS',
        headers: { origin: 'https://evil.example.com', 'access-control-request-method': 'POST' },
        body: '',
      }),
      'abort of a Rollout that there is not': asking('abort', UPDATER, { path: '/api/v1/rollouts/meteo/nobody/abort' }),
      'abort by dots in the path': asking('abort', UPDATER, { path: '/api/v1/rollouts/meteo/%2e%2e/abort' }),
    }),
  ],
};
