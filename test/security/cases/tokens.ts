import { type ApiAnswer, apiAnswer } from '../requests.ts';
import { type Case, type Group, refusedWith } from './case.ts';

/** Who has a token, and what the API server lets them do. */
export const TOKENS = [
  { token: 'token-of-alice', user: 'alice@example.com', groups: ['devs'], may: [{ verb: 'approve' }] },
  { token: 'token-of-bob', user: 'bob@example.com', groups: ['devs'], may: [{ verb: 'approve' }] },
  { token: 'token-of-carol', user: 'carol@example.com', groups: [], may: [{ verb: 'approve' }] },
  { token: 'token-of-eve', user: 'eve@example.com', groups: ['devs'], may: [{ verb: 'approve' }] },
  { token: 'token-of-mallory', user: 'mallory', groups: ['system:masters-of-nothing'], may: [{ verb: 'approve' }] },
  { token: 'token-without-rights', user: 'frank@example.com', groups: ['release'], may: [] },
  {
    token: 'token-for-the-market',
    user: 'grace@example.com',
    groups: ['release'],
    may: [{ verb: 'approve', namespace: 'market' }],
  },
  { token: 'token-for-another-name', user: 'heidi@example.com', groups: ['release'], may: [{ verb: 'approve', name: 'other' }] },
  {
    token: 'token-for-other-verbs',
    user: 'ivan@example.com',
    groups: ['release'],
    may: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'].map(verb => ({ verb })),
  },
  {
    token: 'token-for-status',
    user: 'judy@example.com',
    groups: ['release'],
    may: [{ verb: 'approve', resource: 'rollouts/status' }],
  },
  {
    token: 'token-for-another-group',
    user: 'ken@example.com',
    groups: ['release'],
    may: [{ verb: 'approve', group: 'argoproj.io' }],
  },
  {
    token: 'token-of-a-service-account',
    user: 'system:serviceaccount:market:deployer',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:market'],
    may: [{ verb: 'approve' }],
  },
  { token: 'token-of-yesterday', user: 'alice@example.com', groups: [], may: [{ verb: 'approve' }], expiresAtMs: 1 },
] as const;

const by =
  (token: string | undefined, change: ApiAnswer = {}): Case['attempt'] =>
  ({ victim }) =>
    apiAnswer(victim, { token, ...change });

const saying = (...authorization: readonly string[]): Case['attempt'] => by(undefined, { headers: { authorization } });

export const BEARER_TOKENS: Group = {
  group: 'tokens',
  cases: [
    ...refusedWith([400, 401], {
      'no token': by(undefined),
      'an empty token': saying('Bearer '),
      'only the scheme': saying('Bearer'),
      'an unknown token': by('token-of-nobody'),
      'an expired token': by('token-of-yesterday'),
      'two tokens in two headers': saying('Bearer token-of-alice', 'Bearer token-of-bob'),
      'the same token in two headers': saying('Bearer token-of-alice', 'Bearer token-of-alice'),
      'two tokens in one header': saying('Bearer token-of-eve, Bearer token-of-alice'),
      'two tokens behind one scheme': saying('Bearer token-of-eve token-of-alice'),
      'Basic with a right token': saying(`Basic ${Buffer.from('alice:token-of-alice').toString('base64')}`),
      'the token without a scheme': saying('token-of-alice'),
      'another scheme': saying('Token token-of-alice'),
      'a scheme with another letter': saying('Bearertoken-of-alice'),
      'the token in quotes': saying('Bearer "token-of-alice"'),
      'the token with a letter changed': by('token-of-alicE'),
      'the token with more behind it': by('token-of-alice.'),
      'the token in the query': by(undefined, { path: '/api/v1/rollouts/meteo/forecast/approvals?access_token=token-of-alice' }),
      'the token in a cookie': by(undefined, { headers: { cookie: 'token=token-of-alice' } }),
      'the token in another header': by(undefined, { headers: { 'x-forwarded-access-token': 'token-of-alice' } }),
      'the user of a proxy in front': by(undefined, {
        headers: { 'x-remote-user': 'alice@example.com', 'x-remote-group': 'release' },
      }),
      'a token of 8,000 letters': by('x'.repeat(8_000)),
      'a token with a line in it': saying('Bearer token-of-alice\u0000'),
      'the secret of a webhook as token': by('secret-of-the-change-board'),
    }),
    ...refusedWith([403], {
      'a user without the right': by('token-without-rights'),
      'the right in another namespace only': by('token-for-the-market'),
      'the right for another Rollout only': by('token-for-another-name'),
      'every right but approve': by('token-for-other-verbs'),
      'the right on the status only': by('token-for-status'),
      'the right on rollouts of another API group': by('token-for-another-group'),
      'a user who is no approver': by('token-of-eve'),
      'an account whose groups the API server gives': by('token-of-mallory'),
      'a ServiceAccount of another namespace': by('token-of-a-service-account'),
      'impersonation by header': by('token-of-eve', { headers: { 'impersonate-user': 'alice@example.com' } }),
      'a group by header': by('token-of-eve', { headers: { 'impersonate-group': 'release' } }),
      'an approver of another Rollout': ({ other }) => apiAnswer(other, { token: 'token-of-alice' }),
      'an approver, in another namespace': ({ market }) => apiAnswer(market, { token: 'token-of-alice' }),
    }),
  ],
};

export const API_BINDING: Group = {
  group: 'API bindings',
  cases: [
    ...refusedWith([409], {
      'the revision of another Rollout': ({ victim, other }) =>
        apiAnswer(victim, { token: 'token-of-alice', body: { revision: other.revision } }),
      'the next step': by('token-of-alice', { body: { step: 2 } }),
      'a step that there is not': by('token-of-alice', { body: { step: 999 } }),
    }),
    ...refusedWith([403, 404], {
      'a Rollout that there is not': by('token-of-alice', { path: '/api/v1/rollouts/meteo/nobody/approvals' }),
      'a namespace that there is not': by('token-of-alice', { path: '/api/v1/rollouts/nowhere/forecast/approvals' }),
      'the right in a namespace whose Rollout asks others': ({ market }) => apiAnswer(market, { token: 'token-for-the-market' }),
    }),
  ],
};

const reading = (path: string, token?: string): Case['attempt'] => by(token, { method: 'GET', path, body: '' });
const VICTIM = '/api/v1/rollouts/meteo/forecast';

export const READING: Group = {
  group: 'reading',
  cases: [
    ...refusedWith([401], {
      'a list without a token': reading('/api/v1/rollouts'),
      'a Rollout without a token': reading(VICTIM),
      'its history without a token': reading(`${VICTIM}/history`),
      'a Rollout with an expired token': reading(VICTIM, 'token-of-yesterday'),
      'a Rollout with a token in the query': reading(`${VICTIM}?token=token-for-other-verbs`),
      'what this is without a token': reading('/api/v1/self'),
      'the stream without a token': reading('/api/v1/stream'),
      'the stream with an expired token': reading('/api/v1/stream', 'token-of-yesterday'),
      'the stream with a token in the query': reading('/api/v1/stream?token=token-for-other-verbs'),
      'its timeline without a token': reading(`${VICTIM}/timeline`),
      'its mesh objects without a token': reading(`${VICTIM}/mesh`),
      'its records without a token': reading(`${VICTIM}/records`),
    }),
    ...refusedWith([403, 404], {
      'a Rollout without the right': reading(VICTIM, 'token-without-rights'),
      'a Rollout with the right to approve only': reading(VICTIM, 'token-of-eve'),
      'its history without the right': reading(`${VICTIM}/history`, 'token-without-rights'),
      'the stream of a Rollout without the right': reading('/api/v1/stream?namespace=meteo&name=forecast', 'token-of-eve'),
      'the stream of a Rollout that can be none': reading('/api/v1/stream?namespace=meteo&name=%2e%2e', 'token-for-other-verbs'),
      'its timeline without the right': reading(`${VICTIM}/timeline`, 'token-of-eve'),
      'its mesh objects without the right': reading(`${VICTIM}/mesh`, 'token-of-eve'),
      'its records without the right to read the Rollout': reading(`${VICTIM}/records`, 'token-of-eve'),
      'its records without the right to read ConfigMaps': reading(`${VICTIM}/records`, 'token-for-other-verbs'),
      'a record by a path': reading(`${VICTIM}/records/..%2f..%2fsecrets`, 'token-for-other-verbs'),
      'a file by dots in the path': reading('/dashboard/..%2f..%2fpackage.json', 'token-of-alice'),
      'a file by dots that are escaped twice': reading('/dashboard/%252e%252e/package.json', 'token-of-alice'),
    }),
  ],
};
