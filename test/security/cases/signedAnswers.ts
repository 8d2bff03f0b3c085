import { nowS, type SignedAnswer, signedAnswer } from '../requests.ts';
import { SECRETS } from '../world.ts';
import { type Case, type Group, refusedWith } from './case.ts';

const changed =
  (change: SignedAnswer | (() => SignedAnswer)): Case['attempt'] =>
  ({ victim }) =>
    signedAnswer(victim, typeof change === 'function' ? change() : change);

const signature = (write: (right: string) => string): Case['attempt'] => changed({ signature: write });

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

export const WEBHOOK_SIGNATURES: Group = {
  group: 'webhook signatures',
  cases: refusedWith([401], {
    'a made-up signature': signature(right => `v1,${'A'.repeat(right.length - 1)}=`),
    'no signature at all': changed({ headers: { 'webhook-signature': undefined } }),
    'an empty signature': signature(() => ''),
    'a version with nothing behind it': signature(() => 'v1,'),
    'a truncated signature': signature(right => `v1,${right.slice(0, 20)}`),
    'one byte less': signature(right => `v1,${right.slice(0, -4)}`),
    'one byte more': signature(right => `v1,${right}AA==`),
    'the signature without its version': signature(right => right),
    'version v1a': signature(right => `v1a,${right}`),
    'version v2': signature(right => `v2,${right}`),
    'version V1': signature(right => `V1,${right}`),
    'the signature in hexadecimal': signature(right => `v1,${hexOf(right)}`),
    'the signature in hexadecimal capitals': signature(right => `v1,${hexOf(right).toUpperCase()}`),
    'the signature in other letters': signature(right => `v1,${right.replace(/[a-zA-Z]/g, letter => swapCase(letter))}`),
    'the signature in URL-safe base64 with dirt': signature(right => `v1,-_${right}`),
    'the signature in quotes': signature(right => `"v1,${right}"`),
    'signatures without end': signature(right => `${'v1,AAAA '.repeat(200)}v1,${right}`),
    'signed by the secret of another webhook': changed({ secret: SECRETS.audit }),
    'signed by the secret of Slack': changed({ secret: SECRETS.signing }),
    'signed by the secret of outgoing webhooks': changed({ secret: SECRETS.outgoing }),
    'signed by the secret of webhook gates': changed({ secret: SECRETS.gates }),
    'signed by the secret of push webhooks': changed({ secret: SECRETS.push }),
    'signed by an empty secret': changed({ secret: '' }),
    'signed for another webhook, sent to this one': ({ victim }) =>
      signedAnswer(victim, { hook: 'second-board', secret: SECRETS.board }),
    'a body that was changed after signing': ({ victim }) => ({
      ...signedAnswer(victim, { body: { decision: 'reject' } }),
      body: bodyOf(victim),
    }),
    'an id that was changed after signing': changed({ headers: { 'webhook-id': 'msg_2' } }),
    'a time that was changed after signing': changed(() => ({ headers: { 'webhook-timestamp': String(nowS() - 1) } })),
    'a boundary between id and time that was moved': ({ victim }) => {
      const wire = signedAnswer(victim, { id: 'msg', seconds: nowS() });
      return {
        ...wire,
        headers: wire.headers.map(([name, value]) => (name === 'webhook-id' ? [name, `${value}.1`] : [name, value])),
      };
    },
    'the headers of another sender': changed({
      headers: { 'webhook-id': undefined, 'webhook-timestamp': undefined, 'webhook-signature': undefined, 'svix-id': 'msg_1' },
    }),
    'no id': changed({ headers: { 'webhook-id': undefined } }),
    'no time': changed({ headers: { 'webhook-timestamp': undefined } }),
  }),
};

const swapCase = (letter: string): string => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase());
const bodyOf = (about: object): string => JSON.stringify({ decision: 'approve', ...about });

export const WEBHOOK_TIMES: Group = {
  group: 'webhook times',
  cases: refusedWith([401], {
    'signed 301 s ago': changed(() => ({ seconds: nowS() - 301 })),
    'signed a day ago': changed(() => ({ seconds: nowS() - 86_400 })),
    // the clock may go on by a second before it is read
    'signed 302 s ahead': changed(() => ({ seconds: nowS() + 302 })),
    'signed in the year 2100': changed({ seconds: 4_102_444_800 }),
    'signed at 0': changed({ seconds: 0 }),
    'a time below 0': changed({ seconds: -1 }),
    'a time that is no number': changed({ seconds: 'NaN' }),
    'a time in words': changed({ seconds: 'now' }),
    'a time with a fraction': changed(() => ({ seconds: `${nowS()}.5` })),
    'a time with an exponent': changed({ seconds: '2e9' }),
    'a time in hexadecimal': changed(() => ({ seconds: `0x${nowS().toString(16)}` })),
    'a time in milliseconds': changed(() => ({ seconds: Date.now() })),
    'a time with more digits than numbers have': changed({ seconds: '9'.repeat(400) }),
  }),
};

export const WEBHOOK_BINDING: Group = {
  group: 'webhook bindings',
  cases: [
    ...refusedWith([409], {
      'the revision of another Rollout': ({ victim, other }) => signedAnswer(victim, { body: { revision: other.revision } }),
      'a revision that is none': changed({ body: { revision: '00000000' } }),
      'the revision in capitals': ({ victim }) =>
        signedAnswer(victim, { body: { revision: `${victim.revision.toUpperCase()}X` } }),
      'the next step': changed({ body: { step: 2 } }),
      'a step that there is not': changed({ body: { step: 999 } }),
    }),
    ...refusedWith([403], {
      'a Rollout that this webhook may not answer for': ({ other }) => signedAnswer(other),
      'the same name in another namespace': ({ market }) => signedAnswer(market),
      'a webhook that is not among the approvers': ({ victim }) =>
        signedAnswer(victim, { hook: 'second-board', secret: SECRETS.audit }),
    }),
    ...refusedWith([404], {
      'a Rollout that there is not': changed({ body: { name: 'nobody' } }),
      'a namespace that there is not': changed({ body: { namespace: 'nowhere' } }),
      'a webhook that there is not': changed({ path: '/hooks/approvals/nobody' }),
      'a webhook named like what objects have': changed({ path: '/hooks/approvals/__proto__' }),
      'a webhook named constructor': changed({ path: '/hooks/approvals/constructor' }),
      'no webhook': changed({ path: '/hooks/approvals/' }),
    }),
  ],
};
