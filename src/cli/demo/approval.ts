import { writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { stringify } from 'yaml';
import type { RolloutStatus } from '../../rollout/index.ts';
import { colours } from '../terminal/colours.ts';
import { CHAT_SECRETS, createDemoChat, type DemoChat } from './chat.ts';
import { addPerson } from './person.ts';
import { type Telling, until } from './until.ts';
import { mark, weightsText } from './words.ts';
import type { DemoWorld, Setup } from './world.ts';

export type Answer = 'approve' | 'reject';

const STORY_WITHIN_MS = 90_000;
/** People may first have to read what this is about. */
const PERSON_WITHIN_MS = 30 * 60_000;
const CHAT_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 250;

const STYLES = { approve: 'primary', reject: 'danger' } as const;
/** Who approves in the stories. */
export const ALICE = { name: 'alice', slack: 'U0ALICE01', user: 'alice@example.com' };
const PEOPLE = [ALICE, { name: 'bob', slack: 'U0BOB0002', user: 'bob@example.com' }];

export const APPROVAL: Setup = {
  rollout: 'forecast-approval.yaml',
  author: { name: 'Carol', email: 'carol@example.com' },
  configuration: async ({ chat }, folder) => {
    const [tokenFile, signingSecretFile] = [join(folder, 'chat-token'), join(folder, 'chat-signing-secret')];
    await writeFile(tokenFile, CHAT_SECRETS.token, { mode: 0o600 });
    await writeFile(signingSecretFile, CHAT_SECRETS.signingSecret, { mode: 0o600 });
    return stringify({
      people: PEOPLE,
      notify: { slack: { tokenFile, signingSecretFile, channel: '#deploys', apiUrl: `${chat}/api` } },
    });
  },
};

/**
 * People are asked at half of the traffic, and the rollout does what they say; whether it ended so. With an answer it is
 * given at once, else a person presses, twice, to see both ends.
 */
export const tellApproval = async (telling: Telling, answer: Answer | undefined): Promise<boolean> => {
  const { view, world, signal } = telling;
  const chat = createDemoChat(world.urls);
  await chat.connect();
  const command = await otherWay(world);
  const start = await until(telling, STORY_WITHIN_MS, status => status.phase === 'Healthy' && status.stableVersion === 'v1');
  const rounds = answer === undefined ? (['v2', 'v3'] as const) : (['v2'] as const);
  const rights: boolean[] = [start !== undefined];
  for (const version of rounds) {
    if (rights.includes(false) || signal.aborted) break;
    view.say(`\n${colours.bold(`Carol commits forecast ${version}.`)} Half of the traffic goes there, then people are asked.`);
    rights.push(await tellQuestion(telling, { chat, version, answer, command }));
  }
  if (signal.aborted) view.say('\nStopped.');
  return !signal.aborted && !rights.includes(false);
};

type Question = {
  readonly chat: DemoChat;
  readonly version: string;
  readonly answer: Answer | undefined;
  readonly command: string;
};

const tellQuestion = async (telling: Telling, question: Question): Promise<boolean> => {
  const { view, world, signal } = telling;
  const { version, answer, chat } = question;
  const before = { traffic: await world.traffic(), stable: (await world.status())?.stableVersion ?? '' };
  const isOver = ({ phase, stableVersion }: RolloutStatus): boolean => phase === 'RolledBack' || stableVersion === version;
  await world.commit(version);
  const isAsked = (status: RolloutStatus): boolean =>
    status.canaryVersion === version && (status.phase === 'AwaitingApproval' || isOver(status));
  const asked = await until(telling, STORY_WITHIN_MS, isAsked);
  if (asked?.phase !== 'AwaitingApproval') return fail(telling, 'nobody was asked');
  const button = await untilThere(signal, async () => (await chat.buttons(STYLES[answer ?? 'approve']))[0]);
  if (button === undefined) return fail(telling, 'no button came to the inbox');
  if (answer === undefined) invite(telling, question);
  else {
    view.say(`\n${colours.bold(`--answer ${answer}:`)} the button is pressed in the inbox, as alice.`);
    await chat.press(button, ALICE.slack);
  }
  const end = await until(telling, answer === undefined ? PERSON_WITHIN_MS : STORY_WITHIN_MS, isOver);
  if (end === undefined) return fail(telling, 'it did not end');
  const areGone = await buttonsGone(chat, signal);
  const weights = await world.weights();
  const traffic = await world.traffic();
  const verdict = judge({ end, weights, version, stable: before.stable, answer });
  const failed = traffic.failed - before.traffic.failed;
  view.say(`\n${colours.bold('Summary')}`);
  view.say(`  ${mark(verdict.isRight)} ${verdict.words}, weights ${weightsText(weights)}`);
  view.say(`  ${mark(failed === 0)} ${traffic.requests - before.traffic.requests} requests meanwhile, ${failed} failed`);
  view.say(`  ${mark(areGone)} ${areGone ? 'the buttons are gone' : 'there are still buttons in the inbox'}`);
  return verdict.isRight && failed === 0 && areGone;
};

const fail = ({ view, signal }: Telling, why: string): false => {
  if (!signal.aborted) view.say(`\n  ${mark(false)} ${why}`);
  return false;
};

type End = {
  readonly end: RolloutStatus;
  readonly weights: Readonly<Record<string, number>>;
  readonly version: string;
  readonly stable: string;
  readonly answer: Answer | undefined;
};

/** Whether it ended as what was pressed demands. */
const judge = ({ end, weights, version, stable, answer }: End): { readonly isRight: boolean; readonly words: string } => {
  const given = end.history?.findLast(({ action }) => action === 'approved' || action === 'rejected');
  const said = given === undefined ? undefined : given.action === 'approved' ? 'approve' : 'reject';
  const isPromoted = end.stableVersion === version;
  const isThere = weights[isPromoted ? version : stable] === 100;
  const words = isPromoted ? `${version} is stable` : `${version} ended ${end.phase}, all traffic is back on ${stable}`;
  const isAsked = said !== undefined && (answer === undefined || answer === said);
  return {
    isRight: isAsked && isPromoted === (said === 'approve') && isThere,
    words: `${given?.message ?? 'nobody answered'}: ${words}`,
  };
};

const invite = ({ view, world }: Telling, { version, command }: Question): void => {
  const other = version === 'v2' ? '' : ' Press the other button than before to see the other end.';
  view.say(`\n${colours.bold('Your turn.')} Open the inbox and press Approve or Reject.${other}`);
  view.say(`  ${colours.bold('inbox'.padEnd(18))} ${world.urls.inbox}/?channel=deploys&as=alice`);
  view.say(`  ${''.padEnd(18)} alice and bob may answer; mallory may not: try it`);
  view.say(`  ${colours.bold('or here, as alice'.padEnd(18))} ${command}`);
  view.say(`  ${''.padEnd(18)} (reject instead of approve puts all traffic back)\n`);
};

const buttonsGone = async (chat: DemoChat, signal: AbortSignal): Promise<boolean> => {
  const areGone = async () =>
    (await chat.buttons('primary')).length + (await chat.buttons('danger')).length === 0 ? true : undefined;
  return (await untilThere(signal, areGone)) ?? false;
};

const untilThere = async <T>(signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T | undefined> => {
  const endMs = Date.now() + CHAT_WITHIN_MS;
  while (Date.now() < endMs && !signal.aborted) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return undefined;
};

/** The command line that approves as alice. */
const otherWay = async (world: DemoWorld): Promise<string> => {
  const may = ['get', 'approve'].map(verb => ({ verb, namespace: 'weather' }));
  const { kubeconfig } = await addPerson(world, { name: ALICE.name, user: ALICE.user, may });
  const program = process.argv[1] ?? '';
  const sluice = basename(program) === 'sluice' ? 'sluice' : `node ${relative(process.cwd(), program)}`;
  return `${sluice} approve forecast -n weather --kubeconfig ${kubeconfig} --server ${world.urls.server}`;
};
