import { openQuestion, type RolloutStatus } from '../../src/rollout/index.ts';
import { until } from '../sandbox/client.ts';
import type { Scene } from './cases/case.ts';
import { TOKENS } from './cases/tokens.ts';
import type { Asked } from './objects.ts';
import type { About, Pressed } from './requests.ts';
import type { Place, SecurityWorld } from './world.ts';

type Waiting = { readonly place: Place; readonly asked: Asked; readonly metadata?: object };

const place = (namespace: string, name: string): Place => ({ namespace, name });

/** The Rollouts that nothing may change. */
const VICTIMS: readonly Waiting[] = [
  {
    place: place('meteo', 'forecast'),
    asked: {
      approvers: [
        'slack:U0ALICE',
        'user:carol@example.com',
        'group:release',
        'webhook:change-board',
        // groups that the API server gives to everybody are no approvers, whatever is written here
        'group:system:authenticated',
        'group:system:masters-of-nothing',
        'group:system:serviceaccounts',
      ],
      required: 3,
    },
  },
  { place: place('meteo', 'other'), asked: { approvers: ['slack:U0DAVE', 'user:dave@example.com', 'webhook:second-board'] } },
  { place: place('market', 'forecast'), asked: { approvers: ['slack:U0DAVE', 'user:dave@example.com'] } },
];

export const isAsking = ({ phase }: RolloutStatus): boolean => phase === 'AwaitingApproval';

/** What people are asked at the moment. */
export const aboutOf = ({ namespace, name }: Place, status: RolloutStatus): About => {
  const question = openQuestion(status);
  if (question === undefined) throw new Error(`${namespace}/${name} asks nobody: ${status.message}`);
  return { namespace, name, revision: question.revision, step: question.step };
};

/** The button of the newest question of a Rollout. */
export const buttonOf = (
  world: SecurityWorld,
  { namespace, name }: Place,
  decision: 'approve' | 'reject' = 'approve',
): Pressed => {
  const questions = world.slack.questions().filter(({ text }) => new RegExp(`\\b${namespace}/${name}\\b`).test(text));
  const found = questions.at(-1);
  const button = found?.buttons.find(({ action_id: id = '' }) => id.includes(decision));
  if (found === undefined || button === undefined) throw new Error(`no button to ${decision} ${namespace}/${name} was posted`);
  return { channel: found.channel, ts: found.ts, actionId: button.action_id ?? '', value: button.value ?? '' };
};

/** Rollouts that wait for people, once everything that is told of that has been told. */
export const waiting = async (world: SecurityWorld, all: readonly Waiting[]): Promise<readonly About[]> => {
  const before = world.slack.posted();
  for (const { place: at, asked, metadata } of all) await world.roll(at, asked, metadata);
  const asking = await until(
    async () => {
      const found = await world.statuses();
      const asked = all.flatMap(({ place: at }) => {
        const status = found.get(`${at.namespace}/${at.name}`);
        return status !== undefined && isAsking(status) ? [aboutOf(at, status)] : [];
      });
      return asked.length === all.length ? asked : undefined;
    },
    'Rollouts that wait for people',
    60_000,
    100,
  );
  await until(() => world.slack.posted() >= before + all.length || undefined, 'the questions in Slack');
  await quiet(world);
  return asking;
};

/** The victims wait, and everybody has a token. */
export const openScene = async (world: SecurityWorld): Promise<Scene> => {
  for (const person of TOKENS) world.sandbox.control.setPerson(person);
  const [victim, other, market] = await waiting(world, VICTIMS);
  if (victim === undefined || other === undefined || market === undefined) throw new Error('there are no victims');
  return { world, victim, other, market, button: (about, decision) => buttonOf(world, about, decision) };
};

const QUIET_MS = 300;

/** Nothing has been written, and nobody was told anything, for a moment. */
export const quiet = async (world: SecurityWorld): Promise<void> => {
  let seen = '';
  let sinceMs = performance.now();
  await until(() => {
    const now = `${world.writes().length} ${world.slack.calls.length} ${world.sent.length}`;
    if (now !== seen) sinceMs = performance.now();
    seen = now;
    return performance.now() - sinceMs > QUIET_MS || undefined;
  }, 'silence');
};
