import { createHmac } from 'node:crypto';
import { nowS, type Press, type Pressed, press } from '../requests.ts';
import { SECRETS } from '../world.ts';
import { type Case, type Group, refusedWith } from './case.ts';

const changed =
  (change: Press | (() => Press)): Case['attempt'] =>
  ({ victim, button }) =>
    press(button(victim), typeof change === 'function' ? change() : change);

const signature = (write: (right: string) => string): Case['attempt'] => changed({ signature: write });

export const SLACK_SIGNATURES: Group = {
  group: 'Slack signatures',
  cases: refusedWith([401], {
    'a made-up signature': signature(() => `v0=${'a'.repeat(64)}`),
    'no signature at all': changed({ headers: { 'x-slack-signature': undefined } }),
    'an empty signature': signature(() => ''),
    'a version with nothing behind it': signature(() => 'v0='),
    'a truncated signature': signature(right => right.slice(0, -2)),
    'half a signature': signature(right => right.slice(0, 35)),
    'a signature that goes on': signature(right => `${right}00`),
    'the signature without its version': signature(right => right.slice(3)),
    'version v1': signature(right => right.replace('v0', 'v1')),
    'version V0': signature(right => right.replace('v0', 'V0')),
    'hexadecimal capitals': signature(right => `v0=${right.slice(3).toUpperCase()}`),
    'the signature in base64': signature(right => `v0=${Buffer.from(right.slice(3), 'hex').toString('base64')}`),
    'two signatures in one header': signature(right => `v0=${'a'.repeat(64)},${right}`),
    'signed by the secret of a webhook': changed({ secret: SECRETS.board }),
    'signed by the token of the bot': changed({ secret: SECRETS.slackToken }),
    'signed by an empty secret': changed({ secret: '' }),
    'a body that was changed after signing': ({ victim, button }) => ({
      ...press(button(victim)),
      body: press(button(victim), { user: 'U0CAROL' }).body ?? '',
    }),
    'the verification token of old instead of a signature': changed({
      headers: { 'x-slack-signature': undefined, 'x-slack-request-timestamp': undefined },
    }),
    'no time': changed({ headers: { 'x-slack-request-timestamp': undefined } }),
    'signed 301 s ago': changed(() => ({ seconds: nowS() - 301 })),
    'signed 302 s ahead': changed(() => ({ seconds: nowS() + 302 })),
    'a time that was changed after signing': changed(() => ({ headers: { 'x-slack-request-timestamp': String(nowS() - 1) } })),
    'a time that is no number': changed({ seconds: 'NaN' }),
    'a time with a fraction': changed(() => ({ seconds: `${nowS()}.0` })),
    'a time in hexadecimal': changed(() => ({ seconds: `0x${nowS().toString(16)}` })),
  }),
};

/** The signature holds, so Slack hears 200; whoever pressed is told that it does not count. */
const pressed = (outcome: NonNullable<Case['outcome']>, attempts: Readonly<Record<string, Case['attempt']>>): readonly Case[] =>
  refusedWith([200], attempts).map(one => ({ ...one, outcome }));

const payload = (change: object): Case['attempt'] => changed({ payload: change });

/** The button of one question, pressed somewhere else. */
const moved =
  (change: Partial<Pressed>, more: Press = {}): Case['attempt'] =>
  ({ victim, button }) =>
    press({ ...button(victim), ...change }, more);

export const SLACK_BINDING: Group = {
  group: 'Slack bindings',
  cases: [
    ...pressed('notAllowed', {
      'somebody who is no approver': changed({ user: 'U0EVE' }),
      'an approver of another Rollout': changed({ user: 'U0DAVE' }),
      'the bot itself': changed({ user: 'U0BOT' }),
    }),
    ...pressed('forbidden', {
      'another team': changed({ team: 'T0OTHER' }),
      'the team of an enterprise': changed({ team: 'E0SLUICE' }),
      'another team, with a user of ours': payload({ team: { id: 'T0OTHER', domain: 'other' } }),
      'a user of another team, in a shared channel': payload({ user: { id: 'U0ALICE', name: 'alice', team_id: 'T0OTHER' } }),
      'another app': changed({ app: 'A0OTHER' }),
    }),
    ...pressed('stale', {
      'another channel': moved({ channel: 'C0OTHER' }),
      'another message': moved({ ts: '1.000100' }),
      'the message of another Rollout': ({ victim, other, button }) => press({ ...button(other), value: button(victim).value }),
      'the button of another Rollout under this message': ({ victim, other, button }) =>
        press({ ...button(victim), value: button(other).value }),
      'the message of the same name in another namespace': ({ victim, market, button }) =>
        press({ ...button(market), value: button(victim).value }),
      'a made-up value': moved({ value: 'A'.repeat(43) }),
      'a value with one letter changed': ({ victim, button }) => {
        const { value } = button(victim);
        return press({ ...button(victim), value: `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}` });
      },
      'a value made with the signing secret itself': ({ victim, button }) =>
        press({
          ...button(victim),
          value: createHmac('sha256', SECRETS.signing).update(JSON.stringify(victim)).digest('base64url'),
        }),
    }),
    ...pressed('invalid', {
      'the value of Approve on Reject': ({ victim, button }) =>
        press({ ...button(victim), actionId: button(victim, 'reject').actionId }),
      'the value of Reject on Approve': ({ victim, button }) =>
        press({ ...button(victim, 'reject'), actionId: button(victim).actionId }),
      'a value that says in words what it means': ({ victim }) =>
        press({ channel: 'C0DEPLOYS', ts: '1.1', actionId: 'sluice_approve', value: JSON.stringify(victim) }),
      'a value with more behind it': ({ victim, button }) => press({ ...button(victim), value: `${button(victim).value}=` }),
      'a user id with a channel in front': changed({ user: 'slack:U0ALICE' }),
      'the name of a person in place of the id': changed({ user: 'alice' }),
      'the id in small letters': changed({ user: 'u0alice' }),
      'an id with a line behind it': changed({ user: 'U0ALICE\n' }),
      'no team': payload({ team: null }),
      'no app': payload({ api_app_id: undefined }),
      'another channel in the container only': payload({
        container: { type: 'message', message_ts: '1.1', channel_id: 'C0OTHER', is_ephemeral: false },
      }),
      'another message in the message only': payload({ message: { ts: '1.000100' } }),
      'no value': changed({ action: { value: undefined } }),
      'a value that is no text': changed({ action: { value: { toString: 'x' } } }),
      'no action': payload({ actions: [] }),
      'two actions': ({ victim, button }) => {
        const { actionId, value } = button(victim);
        const action = { type: 'button', action_id: actionId, block_id: 'b', value };
        return press(button(victim), { payload: { actions: [action, action] } });
      },
      'an action that is no button': changed({ action: { type: 'static_select' } }),
      'an action of somebody else': moved({ actionId: 'promote' }),
      'another kind of interaction': payload({ type: 'view_submission' }),
      'a shortcut': payload({ type: 'shortcut', callback_id: 'approve' }),
      'no user': payload({ user: undefined }),
      'a list of users': payload({ user: [{ id: 'U0ALICE' }] }),
      'a payload that is no JSON': changed({ body: 'payload=approve' }),
      'a payload that is null': changed({ body: 'payload=null' }),
      'a payload 10,000 deep': changed({ body: `payload=${'['.repeat(10_000)}` }),
      'no payload': changed({ body: 'text=approve' }),
      'a slash command': changed({ body: 'command=%2Fsluice&text=approve&user_id=U0ALICE' }),
      'two payloads': ({ victim, other, button }) =>
        press(button(victim), { body: `${press(button(other)).body}&${press(button(victim)).body}` }),
      'a payload with __proto__': ({ victim, button }) => {
        const { actionId, value } = button(victim);
        const inherited = JSON.stringify({ user: { id: 'U0ALICE' }, actions: [{ action_id: actionId, value }] });
        return press(button(victim), {
          body: `payload=${encodeURIComponent(`{"type":"block_actions","__proto__":${inherited}}`)}`,
        });
      },
      'bytes that are no UTF-8': ({ victim, button }) =>
        press(button(victim), { body: Buffer.concat([Buffer.from(press(button(victim)).body ?? ''), Buffer.from([0xff])]) }),
    }),
  ],
};
