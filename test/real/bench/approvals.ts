// Program: measures what people wait for when they press a button, and what a dead chat costs. `--json` for programs; names of parts choose some.
import { Agent, request as httpRequest } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as pass } from 'node:timers/promises';
import type { Bed } from '../bed/bed.ts';
import { request } from '../bed/http.ts';
import { startBed } from '../bed/startBed.ts';
import { installSluice } from '../installed.ts';
import { type Status, splitOf, type VirtualService } from '../story.ts';
import { watchObjects } from '../watchObjects.ts';
import { type ChattyController, type Crowd, createCrowd, startChatty } from './approvalsWorld.ts';
import { conditionsLine, conditionsNow, quantile } from './figures.ts';
import { type PostedQuestion, pressOf, type SlackStandIn, startSlackStandIn } from './slackStandIn.ts';

const PRESSES_PER_SECOND = 200;
const SECONDS = 30;
/** Rollouts that wait for people, and people who press for each; one more would have to. */
const QUESTIONS = 100;
const PEOPLE = 19;
/** Rollouts whose one press moves traffic. */
const MOVES = 40;
/** Rollouts of each controller with another Slack, and how often all of them are changed. */
const CHATTY = 8;
const ROUNDS = 40;
/** Rounds in which the programs get warm. */
const WARM_UP = 4;

interface Result {
  readonly what: string;
  readonly unit: 'ms' | 'ratio' | 'answers' | '%';
  readonly target: string;
  readonly samples: readonly number[];
}

interface Bench {
  readonly bed: Bed;
  readonly kubeconfig: string;
}

const approvers = Array.from({ length: PEOPLE + 1 }, (_, index) => `slack:U0PERSON${index}`);
const personOf = (index: number) => `U0PERSON${index % PEOPLE}`;

const isHealthy = ({ phase }: Status): boolean => phase === 'Healthy';
const isAsking = ({ phase }: Status): boolean => phase === 'AwaitingApproval';

async function untilPosted(bed: Bed, { namespace, names }: Crowd, slack: SlackStandIn): Promise<readonly PostedQuestion[]> {
  const posted = () => names.flatMap(name => slack.questions.get(`${namespace}/${name}`) ?? []);
  await bed.until(`questions of ${namespace} in the chat`, async () => {
    if (posted().length === names.length) return true;
    throw new Error(`${posted().length} of ${names.length}; calls ${JSON.stringify(slack.calls)}`);
  });
  return posted();
}

/** Makes rollouts that ask, and works with the questions that they have posted. */
async function withQuestions<T>(
  { bed, kubeconfig }: Bench,
  asking: { namespace: string; count: number; steps: readonly unknown[] },
  work: (all: {
    controller: ChattyController;
    crowd: Crowd;
    questions: readonly PostedQuestion[];
    slack: SlackStandIn;
  }) => Promise<T>,
): Promise<T> {
  const { namespace, count, steps } = asking;
  const slack = await startSlackStandIn();
  const controller = await startChatty(bed, namespace, { place: 0, slackUrl: slack.url, kubeconfig });
  try {
    const crowd = await createCrowd(bed, namespace, { count, canary: { steps } });
    await crowd.until('adoption', isHealthy);
    await crowd.change(() => ({ spec: { version: 'v2' } }));
    await crowd.until('the question', isAsking);
    return await work({ controller, crowd, questions: await untilPosted(bed, crowd, slack), slack });
  } finally {
    await controller.stop();
    await slack.close();
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Resolves with the status when the whole answer is there. */
function press(url: string, question: PostedQuestion, user: string): Promise<number> {
  const { headers, body } = pressOf(question, user);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      incoming => {
        incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const metric = async (url: string, line: RegExp): Promise<number> =>
  Number(line.exec((await request(`${url}/metrics`)).body)?.[1] ?? 0);
const recordedAt = (url: string) => metric(url, /^sluice_approvals_total\{via="slack",outcome="recorded"\} (\d+)$/m);

/** Presses at a steady rate, whether or not answers come; each waits from the moment in which it was due. */
async function acknowledgement(bench: Bench): Promise<readonly Result[]> {
  const steps = [{ setWeight: 10, approval: { approvers, required: PEOPLE + 1 } }];
  return withQuestions(bench, { namespace: 'bench-presses', count: QUESTIONS, steps }, async ({ controller, questions }) => {
    const total = PRESSES_PER_SECOND * SECONDS;
    const startMs = performance.now() + 200;
    const cpuBeforeMs = controller.cpuMs();
    const waited: number[] = [];
    const statuses: Record<number, number> = {};
    const one = async (index: number) => {
      const dueMs = startMs + (index * 1_000) / PRESSES_PER_SECOND;
      await pass(Math.max(0, dueMs - performance.now()));
      const question = questions[(index * 37) % questions.length];
      if (question === undefined) throw new Error('there is no question to answer');
      // who has answered already presses again
      const status = await press(controller.hooksUrl, question, personOf(Math.floor(index / questions.length)));
      statuses[status] = (statuses[status] ?? 0) + 1;
      waited.push(performance.now() - dueMs);
    };
    await Promise.all(Array.from({ length: total }, (_, index) => one(index)));
    const busy = (100 * (controller.cpuMs() - cpuBeforeMs)) / (performance.now() - startMs);
    const wrong = total - (statuses[200] ?? 0);
    const most = questions.length * PEOPLE;
    const areStored = async () => (await recordedAt(controller.url)) >= most;
    // what is missing is told as a figure
    await bench.bed.until('the last answer to be stored', areStored, 60_000).catch(() => undefined);
    const recorded = await recordedAt(controller.url);
    return [
      {
        what: `press to HTTP answer, ${PRESSES_PER_SECOND}/s for ${SECONDS} s`,
        unit: 'ms',
        target: 'p99 < 500',
        samples: waited,
      },
      { what: 'one core, as far as the controller used it meanwhile', unit: '%', target: '-', samples: [busy] },
      { what: 'presses without a 200', unit: 'answers', target: '0', samples: [wrong] },
      { what: `answers that were not recorded, of ${most}`, unit: 'answers', target: '0', samples: [most - recorded] },
    ];
  });
}

/** One press after the other, each of a Rollout that waits for one person; the watch shows the weight. */
async function weight(bench: Bench): Promise<readonly Result[]> {
  const steps = [{ setWeight: 10 }, { setWeight: 50, pause: {}, approval: { approvers } }];
  const namespace = 'bench-weights';
  return withQuestions(bench, { namespace, count: MOVES, steps }, async ({ controller, questions }) => {
    const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`;
    const watch = await watchObjects<VirtualService>(bench.bed, path);
    const samples: number[] = [];
    try {
      for (const [index, question] of questions.entries()) {
        const name = question.rollout.split('/')[1];
        const fromMs = Date.now();
        const status = await press(controller.hooksUrl, question, personOf(index));
        if (status !== 200) throw new Error(`pressing for ${name}: status ${status}`);
        const moved = () =>
          watch.sightings.find(sighting => sighting.object.metadata.name === name && splitOf(sighting).weights === 'v1:50 v2:50');
        for (const untilMs = Date.now() + 20_000; moved() === undefined && Date.now() < untilMs; ) await pass(2);
        samples.push((moved()?.atMs ?? Number.NaN) - fromMs);
      }
    } finally {
      watch.stop();
    }
    return [{ what: 'press to weight', unit: 'ms', target: 'p99 <= 1000', samples }];
  });
}

interface Sum {
  readonly seconds: number;
  readonly count: number;
}

async function reconcilesAt(url: string): Promise<Sum> {
  const { body } = await request(`${url}/metrics`);
  const read = (name: string) =>
    Number(new RegExp(`^sluice_reconcile_seconds_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(body)?.[1] ?? Number.NaN);
  return { seconds: read('sum'), count: read('count') };
}

const meanMs = (before?: Sum, after?: Sum): number =>
  (1_000 * ((after?.seconds ?? 0) - (before?.seconds ?? 0))) / ((after?.count ?? 0) - (before?.count ?? 0));

/** A controller, its rollouts, and how long a reconcile took on average in each round. */
interface Part {
  readonly name: string;
  readonly controller: ChattyController;
  readonly crowd: Crowd;
  readonly perReconcileMs: number[];
}

const SLACKS = ['alive', 'refusing', 'hanging'] as const;

/** Three controllers with a Slack each; all of their rollouts are paused and resumed, one controller after the other, in turns. */
async function deadSlack({ bed, kubeconfig }: Bench): Promise<readonly Result[]> {
  const [alive, silent, gone] = [await startSlackStandIn(), await startSlackStandIn('silent'), await startSlackStandIn()];
  await gone.close();
  const urls = { alive: alive.url, refusing: gone.url, hanging: silent.url };
  const canary = { steps: [{ setWeight: 10, pause: {} }] };
  const started: ChattyController[] = [];
  try {
    const parts: Part[] = [];
    for (const [place, name] of SLACKS.entries()) {
      const controller = await startChatty(bed, `bench-${name}`, { place, slackUrl: urls[name], kubeconfig });
      started.push(controller);
      const crowd = await createCrowd(bed, `bench-${name}`, { count: CHATTY, canary });
      await crowd.until('adoption', isHealthy);
      await crowd.change(() => ({ spec: { version: 'v2' } }));
      await crowd.until('the step', ({ phase, step }) => phase === 'Paused' && step?.index === 1);
      parts.push({ controller, crowd, name, perReconcileMs: [] });
    }
    for (let round = 0; round < ROUNDS + WARM_UP; round++) {
      const before = await Promise.all(parts.map(({ controller }) => reconcilesAt(controller.url)));
      for (const index of Array(CHATTY).keys())
        for (const place of parts.keys()) await parts[(place + round) % parts.length]?.crowd.request(index, round);
      const after = await Promise.all(parts.map(({ controller }) => reconcilesAt(controller.url)));
      if (round < WARM_UP) continue;
      for (const [place, { perReconcileMs }] of parts.entries()) perReconcileMs.push(meanMs(before[place], after[place]));
    }
    const samplesOf = (name: string) => parts.find(part => part.name === name)?.perReconcileMs ?? [];
    const base = samplesOf('alive');
    const ratios = (name: string) => samplesOf(name).map((ms, round) => ms / (base[round] ?? Number.NaN));
    return [
      ...SLACKS.map(name => ({ what: `a reconcile, Slack ${name}`, unit: 'ms' as const, target: '-', samples: samplesOf(name) })),
      { what: 'refusing against alive, by round', unit: 'ratio', target: 'median 0.9 to 1.1', samples: ratios('refusing') },
      { what: 'hanging against alive, by round', unit: 'ratio', target: 'median 0.9 to 1.1', samples: ratios('hanging') },
    ];
  } finally {
    await Promise.all(started.map(controller => controller.stop()));
    await Promise.all([alive.close(), silent.close()]);
  }
}

const shown = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));

function print(results: readonly Result[], conditions: Readonly<Record<string, string | number>>): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ conditions, results }, null, 2));
    return;
  }
  console.log('| figure | to reach | unit | median | p99 | max | n |\n| --- | --- | --- | --- | --- | --- | --- |');
  for (const { what, target, unit, samples } of results) {
    const values = [quantile(samples, 0.5), quantile(samples, 0.99), Math.max(...samples)].map(shown);
    console.log(`| ${[what, target, unit, ...values, samples.length].join(' | ')} |`);
  }
  console.log(conditionsLine(conditions));
}

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<readonly Result[]>>> = { acknowledgement, weight, deadSlack };

const asked = process.argv.slice(2).filter(argument => !argument.startsWith('--'));
const unknown = asked.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) throw new Error(`no part is named ${unknown.join(', ')}; known are ${Object.keys(PARTS).join(', ')}`);
const before = { ...conditionsNow(), rollouts: QUESTIONS, 'people per rollout': PEOPLE };
const bed = await startBed({ leftOut: ['zipkin', 'git', 'prometheus', 'istiod', 'pods'] });
try {
  const bench: Bench = { bed, kubeconfig: await installSluice(bed) };
  const results: Result[] = [];
  for (const [name, part] of Object.entries(PARTS))
    if (asked.length === 0 || asked.includes(name)) results.push(...(await part(bench)));
  const { 'load average': loadAtEnd = '' } = conditionsNow();
  print(results, { ...before, 'load average at the end': loadAtEnd });
} finally {
  agent.destroy();
  await bed.close();
}
