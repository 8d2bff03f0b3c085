import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { allowPerson, makeRobot, type RunningChat, robot, type Sent, send, sluice, startChat } from './approving.ts';
import { openBed } from './bed/bed.ts';
import { localUrl } from './bed/layout.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { openStory, type RolloutObject, type Story, sharesSeen, splitOf, type VirtualService } from './story.ts';

const bed = openBed(inject('bedDirectory'));

const AGREE = 'approve-agree';
const REFUSE = 'approve-refuse';
const CHAT = 'approve-chat';
const RESTART = 'approve-restart';
/** Of people who have rights, but not where they are needed. */
const ELSEWHERE = 'approve-elsewhere';
const NAMESPACES = [AGREE, REFUSE, CHAT, RESTART, ELSEWHERE];

/** Members of the chat. */
const [ALICE, BOB, MALLORY] = ['U0ALICE01', 'U0BOB0002', 'U0MALLORY'];

const APPROVERS = ['user:alice', 'user:bob', robot(AGREE), robot(ELSEWHERE)];
const asking = (weights: readonly number[], required = 1) => ({
  steps: [
    { setWeight: 20, pause: { duration: '1s' } },
    ...weights.map(setWeight => ({ setWeight, approval: { approvers: APPROVERS, required } })),
    { pause: {} },
  ],
});
const STRATEGIES = {
  [AGREE]: asking([60], 2),
  [REFUSE]: asking([60]),
  [RESTART]: asking([40, 60, 80]),
  [CHAT]: {
    steps: [
      { setWeight: 20, pause: { duration: '1s' } },
      { setWeight: 60, pause: {}, approval: { approvers: ['user:alice', `slack:${BOB}`], required: 2 } },
    ],
  },
};

interface Asked {
  readonly revision: string;
  readonly approvals: readonly { readonly step: number; readonly by: string; readonly via: string; readonly decision: string }[];
}

// an attempt that is answered cannot be asked again
describe.runIf(bed.has('envoy'))('approvals with the rights of an installation and real tokens', { retry: 0 }, () => {
  const controllers: ControllerProcess[] = [];
  const stories = new Map<string, Story>();

  let chat: RunningChat;
  const hooksOf = (index: number) => bed.ports.otherController + 31 + index;

  beforeAll(async () => {
    chat = await startChat(bed);
    const kubeconfig = await installSluice(bed);
    for (const [index, port] of (['controller', 'otherController'] as const).entries()) {
      const more = {
        server: { hooks: `127.0.0.1:${hooksOf(index)}` },
        people: [{ name: 'Alice A.', user: 'alice', slack: ALICE }],
        notify: { slack: chat.settings },
      };
      controllers.push(await startController(bed, { kubeconfig, namespaces: NAMESPACES, leaderElection: true, more, port }));
    }
    for (const namespace of NAMESPACES) await makeRobot(bed, namespace);
    for (const namespace of Object.keys(STRATEGIES)) await allowPerson(bed, namespace, 'alice');
    const apply = (_file: string, text: string) => bed.kubernetes.apply(parse(text));
    const open = async ([namespace, canary]: readonly [string, unknown]) => {
      const world = { gates: [], ratePerSecond: 20, versions: ['v1', 'v2'] };
      stories.set(namespace, await openStory(bed, apply, { namespace, canary, ...world }));
    };
    await Promise.all(Object.entries(STRATEGIES).map(open));
  });

  afterAll(async () => {
    await Promise.all([...stories.values()].map(story => story.close()));
    await Promise.all(controllers.map(controller => controller.stop()));
    await chat.close();
  });

  const storyOf = (namespace: string): Story => {
    const story = stories.get(namespace);
    if (story === undefined) throw new Error(`there is no story ${namespace}`);
    return story;
  };
  const isLeading = async (wanted: boolean): Promise<ControllerProcess> => {
    for (const controller of controllers) if ((await controller.leads()) === wanted) return controller;
    throw new Error(`no controller ${wanted ? 'leads' : 'follows'}`);
  };
  const pathOf = (namespace: string) => `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts/forecast`;
  const asked = async (namespace: string): Promise<Asked> => {
    const { revision = '', ...status } = (await storyOf(namespace).status()) ?? {};
    return { revision, approvals: 'approvals' in status ? (status.approvals as Asked['approvals']) : [] };
  };
  /** Lets v2 begin, and waits until people are asked. */
  const ask = async (namespace: string): Promise<string> => {
    const story = storyOf(namespace);
    await story.commit('v2');
    await story.untilSplit('v1:80 v2:20');
    await story.until('the question', ({ phase }) => phase === 'AwaitingApproval');
    return (await asked(namespace)).revision;
  };

  it('R19: a right and a place among the approvers are both needed, and a token that holds', async () => {
    const revision = await ask(AGREE);
    const { url } = await isLeading(true);
    const other = await bed.serviceAccountToken(ELSEWHERE, 'robot');
    const gone = await makeRobot(bed, AGREE, 'gone');
    const stranger = await makeRobot(bed, AGREE, 'stranger');
    await bed.kubernetes.delete(`/api/v1/namespaces/${AGREE}/serviceaccounts/gone`);
    const yes = { decision: 'approve', revision, step: 2 };
    const cases: readonly (Partial<Sent> & { readonly what: string; readonly status: number })[] = [
      { what: 'no token', status: 401 },
      { what: 'a token that nobody has issued', token: 'not-a-token', status: 401 },
      { what: 'an expired token', token: await bed.earlierServiceAccountToken(AGREE, 'robot', 2), status: 401 },
      { what: 'a token of a ServiceAccount that is gone', token: gone, status: 401 },
      { what: 'an approver without the right', token: bed.tokenOf('bob'), status: 403 },
      { what: 'an approver with the right in another namespace', token: other, status: 403 },
      { what: 'the right without a place among the approvers', token: stranger, status: 403 },
      { what: 'an administrator', token: bed.tokenOf('admin'), status: 403 },
      { what: 'another namespace', token: bed.tokenOf('alice'), namespace: ELSEWHERE, status: 403 },
      { what: 'another Rollout', token: bed.tokenOf('alice'), name: 'other', status: 404 },
      { what: 'another revision', token: bed.tokenOf('alice'), body: { ...yes, revision: 'ffffffff' }, status: 409 },
      { what: 'a step before', token: bed.tokenOf('alice'), body: { ...yes, step: 1 }, status: 409 },
      { what: 'a step that is not asked yet', token: bed.tokenOf('alice'), body: { ...yes, step: 3 }, status: 409 },
      { what: 'a bad body', token: bed.tokenOf('alice'), body: { ...yes, by: 'carol' }, status: 400 },
    ];
    const before = await bed.kubernetes.get<RolloutObject>(pathOf(AGREE));
    const seen: Record<string, number> = {};
    for (const { what, status: _, ...sent } of cases) {
      const answer = await send({ url, namespace: AGREE, body: yes, ...sent });
      expect(answer.headers['content-type'], what).toBe('application/problem+json');
      seen[what] = answer.status;
    }
    expect(seen).toEqual(Object.fromEntries(cases.map(({ what, status }) => [what, status])));
    expect((await bed.kubernetes.get<RolloutObject>(pathOf(AGREE))).metadata['resourceVersion']).toBe(
      before.metadata['resourceVersion'],
    );
    const logs = (await Promise.all(controllers.map(controller => controller.log()))).join('');
    for (const token of [gone, stranger, other, bed.tokenOf('bob')]) expect(logs).not.toContain(token);
  });

  it('R19: the command line approves as the user of a kubeconfig, and Envoy obeys', async () => {
    const story = storyOf(AGREE);
    const { url } = await isLeading(true);
    const as = async (user: 'alice' | 'bob') => ['--kubeconfig', await bed.writeKubeconfig(user, bed.tokenOf(user)), '-n', AGREE];
    const { revision } = await asked(AGREE);
    const question = ['--step', '2', '--revision', revision, '--server', url];
    expect(await sluice('approve', 'forecast', ...(await as('bob')), ...question)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^not approved: .*bob may not approve rollouts/),
    });
    const token = await bed.earlierServiceAccountToken(AGREE, 'robot', 0);
    const byRobot = await send({ url, namespace: AGREE, token, body: { decision: 'approve', revision, step: 2 } });
    expect(byRobot.status).toBe(200);
    const approved = await sluice('approve', 'forecast', ...(await as('alice')), '--server', url, '--comment', 'looks good');
    expect(approved).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/\napproved: .* step 2 of revision \w+, as Alice A\.\n$/),
    });
    expect(approved.out).toContain(`agreed so far: 1 of 2 (${robot(AGREE)})`);
    expect(approved.out).toMatch(/^approve-agree\/forecast: may v2 begin step 2\/4 at 60%\?/);
    await story.untilSplit('v1:40 v2:60');
    expect((await asked(AGREE)).approvals).toMatchObject([
      { by: robot(AGREE) },
      { by: 'Alice A.', via: 'api', decision: 'approved' },
    ]);
    await bed.until(
      'a second of requests',
      async () => (await story.load.summary({ fromMs: (story.splits().at(-1)?.atMs ?? 0) + 1_000 })).requests >= 100,
    );
    const share = (await sharesSeen(story, 'v2')).at(-1);
    expect(share).toBeGreaterThan(40);
    expect(share).toBeLessThan(80);
    const again = await sluice('approve', 'forecast', ...(await as('alice')), ...question);
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/^not approved: /) });
    expect((await story.load.summary()).failed).toBe(0);
  });

  it('R19: one rejection puts everything back, by a process that does not lead too', async () => {
    const story = storyOf(REFUSE);
    const revision = await ask(REFUSE);
    const follower = await isLeading(false);
    const body = { decision: 'reject', revision, step: 2, comment: 'too many complaints' };
    const token = bed.tokenOf('alice');
    const foreign = await send({
      url: follower.url,
      namespace: REFUSE,
      body,
      token: await bed.serviceAccountToken(ELSEWHERE, 'robot'),
    });
    expect(foreign.status).toBe(403);
    const answer = await send({ url: follower.url, namespace: REFUSE, body, token });
    expect({ status: answer.status, body: JSON.parse(answer.body) as unknown }).toEqual({
      status: 200,
      body: { decision: 'rejected', by: 'Alice A.', revision, step: 2 },
    });
    await story.untilSplit('v1:100');
    const { message, reason } = await story.until('the end', ({ phase }) => phase === 'RolledBack');
    expect({ reason, message }).toEqual({ reason: 'Rejected', message: expect.stringContaining('too many complaints') });
    const leader = await isLeading(true);
    expect(await leader.metrics()).toMatch(/^sluice_approvals_total\{via="api",outcome="recorded"\} 3$/m);
  });

  it('R19, R35: a button counts once for a person, and the next leader knows the message that the last one has posted', async () => {
    const story = storyOf(CHAT);
    const revision = await ask(CHAT);
    const pathOfMemory = `/api/v1/namespaces/${CHAT}/configmaps/forecast-memory-slack`;
    const textOf = (message: object): string => JSON.stringify(message);
    const questions = () =>
      chat.workspace
        .messages()
        .filter(({ blocks }) => blocks.some(({ type }) => type === 'actions') && textOf(blocks).includes(CHAT));
    await bed.until('the question in the chat', async () => questions().length === 1);
    const [question] = questions();
    if (question === undefined) throw new Error('there is no question');
    const press = async (user: string, by: ControllerProcess) => {
      const interactivityUrl = `${localUrl(hooksOf(controllers.indexOf(by)))}/hooks/slack`;
      chat.workspace.configure({ interactivityUrl });
      return (await chat.press({ user, channel: question.channel, ts: question.ts, action: 'sluice_approve' })).status;
    };
    const whispered = (user: string, words: RegExp) =>
      bed.until(`a word to ${user}`, async () =>
        chat.workspace.messages().some(({ onlyFor, text }) => onlyFor === user && words.test(text)),
      );
    const [leader, follower] = [await isLeading(true), await isLeading(false)];

    expect(await press(MALLORY, follower)).toBe(200);
    await whispered(MALLORY, /none of user:alice/);
    const answer = await send({
      url: leader.url,
      namespace: CHAT,
      body: { decision: 'approve', revision, step: 2 },
      token: bed.tokenOf('alice'),
    });
    expect(answer.status).toBe(200);
    expect(await press(ALICE, follower)).toBe(200);
    await whispered(ALICE, /answered already/);
    expect((await asked(CHAT)).approvals).toMatchObject([{ by: 'Alice A.', via: 'api' }]);
    const { metadata } = await bed.kubernetes.get<RolloutObject>(pathOf(CHAT));
    const memory = await bed.kubernetes.get<RolloutObject>(pathOfMemory);
    expect(memory.metadata['ownerReferences']).toMatchObject([{ kind: 'Rollout', name: 'forecast', uid: metadata['uid'] }]);

    await leader.kill();
    await bed.until('the other to lead', () => follower.leads());
    expect(await press(BOB, follower)).toBe(200);
    await story.untilSplit('v1:40 v2:60');
    expect((await asked(CHAT)).approvals).toMatchObject([{ by: 'Alice A.' }, { by: `slack:${BOB}`, via: 'slack' }]);
    await bed.until('the end of the buttons', async () => questions().length === 0);
    await leader.start();

    await story.kubectl('delete', 'rollout', 'forecast', '--timeout=30s');
    const left = async () => textOf(await bed.kubernetes.get<object>(`/api/v1/namespaces/${CHAT}/configmaps`));
    await bed.until('the end of what was remembered', async () => !(await left()).includes('forecast-memory-slack'));
  });

  it('R19, R35: an API server that is killed in the middle is told as 503, or the answer is recorded; never both wrong', async () => {
    const story = storyOf(RESTART);
    const token = bed.tokenOf('alice');
    const revision = await ask(RESTART);
    /** Answers until it counts; gives the codes in their order. */
    const untilCounted = async (step: number, first: number): Promise<readonly number[]> => {
      const codes = [first];
      await bed.until('an answer that counts', async () => {
        const leader = await isLeading(true);
        codes.push(
          (await send({ url: leader.url, namespace: RESTART, body: { decision: 'approve', revision, step }, token })).status,
        );
        return [200, 409].includes(codes.at(-1) ?? 0);
      });
      return codes;
    };
    // how far the answer has come when the server dies
    for (const [index, afterMs] of [0, 8, 20].entries()) {
      const step = index + 2;
      await story.until('the question', ({ phase, step: at }) => phase === 'AwaitingApproval' && at?.index === step - 1);
      await bed.until('a leader', async () => (await isLeading(true)) !== undefined);
      const sent = send({
        url: (await isLeading(true)).url,
        namespace: RESTART,
        body: { decision: 'approve', revision, step },
        token,
      });
      await pass(afterMs);
      await bed.stop('kube-apiserver', 'kill');
      const { status } = await sent;
      await bed.start('kube-apiserver');
      expect([200, 503]).toContain(status);
      const codes = await untilCounted(step, status);
      // "recorded" is said at most once, and it is recorded once
      expect(codes.filter(code => code === 200).length).toBeLessThanOrEqual(1);
      await story.until('the next step', ({ step: at }) => (at?.index ?? 0) >= step);
      const counted = (await asked(RESTART)).approvals.filter(approval => approval.step === step);
      expect(counted).toMatchObject([{ by: 'Alice A.', decision: 'approved' }]);
    }
    await bed.until('the last weight', async () => {
      const object = await bed.kubernetes.get<VirtualService>(story.world.virtualService);
      return splitOf({ atMs: Date.now(), object }).weights === 'v1:20 v2:80';
    });
  });
});
