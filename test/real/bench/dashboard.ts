// Program: measures what people wait for when they look at the dashboard, and what they cost. `--json` for programs; names of parts choose some.
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as pass } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, visit } from '../browser.ts';
import { crowdNamespaces, crowdRollout, crowdStatus, forEachOf, foreignLease, pathInCrowd, placeInCrowd } from '../crowd.ts';
import { PROGRAM } from '../installed.ts';
import { type Conditions, conditionsLine, conditionsNow, type Figure, quantile } from './figures.ts';
import { type Program, type Sandboxed, startSandboxed } from './sandboxed.ts';

const ROLLOUTS = 1_000;
const PAGES = 10;
const UPDATES = 100;
const VIEWERS = 50;
const UPDATES_PER_SECOND = 10;
const VIEW_MS = 20_000;
const STATUS_RUNS = 10;
/** A token of somebody who may read all of them. */
const TOKEN = 'viewer-token';

interface Bench {
  readonly world: Sandboxed;
  readonly controller: Program & { readonly url: string };
  readonly browser: Browser;
}

const LEASES = 'leases';

async function createCrowd({ api }: Sandboxed): Promise<void> {
  for (const name of [...crowdNamespaces, LEASES])
    await api('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await api('POST', `/apis/coordination.k8s.io/v1/namespaces/${LEASES}/leases`, foreignLease(LEASES, Date.now()));
  await forEachOf(ROLLOUTS, async index => {
    await api('POST', pathInCrowd(index).replace(/\/[^/]+$/, ''), crowdRollout(index));
    await setStatus(api, index);
  });
}

const setStatus = (api: Sandboxed['api'], index: number, words = '') =>
  api('PATCH', `${pathInCrowd(index)}/status`, { status: crowdStatus(index, Date.now(), words) }, 'application/merge-patch+json');

async function open(): Promise<Bench & { readonly close: () => Promise<void> }> {
  const browser = await launchBrowser();
  const world = await startSandboxed('empty').catch(async (error: unknown) => {
    await browser.close();
    throw error;
  });
  const close = async () => {
    await browser.close();
    await world.close();
  };
  try {
    await createCrowd(world);
    await world.control('people', { token: TOKEN, user: 'viewer', groups: [], may: [{ verb: 'get' }] });
    // it does not lead: what stands in the API server is what is shown, and the figures hold no work of rollouts
    const controller = await world.controller({ leaderElection: { enabled: true, namespace: LEASES } });
    return { world, controller, browser, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs in the page before anything else: signs in, and notes when the last row is there and when words appear. */
const NOTING = `
  sessionStorage.setItem('sluice-token', '${TOKEN}');
  globalThis.noted = { rowsMs: undefined, words: {} };
  new MutationObserver(changes => {
    const { noted } = globalThis;
    if (noted.rowsMs === undefined && document.querySelectorAll('tbody tr').length >= ${ROLLOUTS}) noted.rowsMs = performance.now();
    for (const { target } of changes) {
      const word = /word-\\d+/.exec(target.textContent.slice(0, 1000))?.[0];
      if (word !== undefined) noted.words[word] ??= Date.now();
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
`;

const FIRST_PAINT = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime`;

/** Asks the page again and again: the policy of the page lets nothing wait in it. */
async function comesTrue(page: Page, expression: string): Promise<void> {
  for (const untilMs = Date.now() + 20_000; !(await page.evaluate<boolean>(expression)); await pass(10))
    if (Date.now() > untilMs) throw new Error(`waiting in the page for ${expression}: not within 20 s`);
}

async function openPage({ browser, controller }: Bench) {
  const visited = await visit(browser, controller.url);
  await visited.context.addInitScript(NOTING);
  await visited.page.goto('/');
  await comesTrue(visited.page, `globalThis.noted.rowsMs !== undefined && ${FIRST_PAINT} !== undefined`);
  return visited;
}

/** Each page in a tab with a session and a cache of its own. */
async function paint(bench: Bench): Promise<readonly Figure[]> {
  const first: number[] = [];
  const last: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const visited = await openPage(bench);
    first.push(await visited.page.evaluate<number>(FIRST_PAINT));
    last.push(await visited.page.evaluate<number>('globalThis.noted.rowsMs'));
    await visited.close();
  }
  return [
    { what: `first contentful paint, ${ROLLOUTS} rollouts`, unit: 'ms', target: 1_000, samples: first },
    { what: `last of ${ROLLOUTS} rows in the page`, unit: 'ms', samples: last },
  ];
}

/** One change after the other; the clocks of both ends are the machine's. */
async function updates(bench: Bench): Promise<readonly Figure[]> {
  const visited = await openPage(bench);
  const samples: number[] = [];
  for (let update = 0; update < UPDATES; update++) {
    const word = `word-${update}`;
    const startMs = Date.now();
    await setStatus(bench.world.api, (update * 37) % ROLLOUTS, word);
    await comesTrue(visited.page, `globalThis.noted.words['${word}'] !== undefined`);
    samples.push((await visited.page.evaluate<number>(`globalThis.noted.words['${word}']`)) - startMs);
    // people do not see changes at a beat
    await pass(20 + ((update * 13) % 60));
  }
  await visited.close();
  return [{ what: 'status sent to the API server to its words in the page', unit: 'ms', target: 300, samples }];
}

const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024;

/** Reads the stream of all rollouts and throws it away, as a browser does that is left open. */
function view(url: string): { readonly bytes: () => number; readonly close: () => void } {
  let bytes = 0;
  const outgoing = get(`${url}/api/v1/stream`, { headers: { authorization: `Bearer ${TOKEN}` }, agent: false }, incoming => {
    if (incoming.statusCode !== 200) throw new Error(`reading the stream: status ${incoming.statusCode}`);
    incoming.on('data', (data: Buffer) => {
      bytes += data.length;
    });
  });
  outgoing.on('error', () => {
    // the end of the stream, or of the server: bytes tell what came
  });
  return { bytes: () => bytes, close: () => void outgoing.destroy() };
}

async function writeSteadily({ world }: Bench, forMs: number): Promise<void> {
  const startMs = performance.now();
  for (let update = 0; performance.now() - startMs < forMs; update++) {
    await setStatus(world.api, (update * 37) % ROLLOUTS, `round ${update}`);
    await pass(Math.max(0, startMs + ((update + 1) * 1_000) / UPDATES_PER_SECOND - performance.now()));
  }
}

async function viewers(bench: Bench): Promise<readonly Figure[]> {
  const { controller } = bench;
  // the same changes with nobody looking first: what they cost belongs to no viewer
  await writeSteadily(bench, VIEW_MS);
  const before = residentMb(controller.pid);
  const all = Array.from({ length: VIEWERS }, () => view(controller.url));
  const during: number[] = [];
  const timer = setInterval(() => during.push(residentMb(controller.pid)), 250);
  await writeSteadily(bench, VIEW_MS);
  clearInterval(timer);
  const silent = all.filter(({ bytes }) => bytes() < 100_000).length;
  for (const each of all) each.close();
  await pass(5_000);
  const after = residentMb(controller.pid);
  if (silent > 0) throw new Error(`${silent} of ${VIEWERS} viewers did not get the list`);
  const more = during.map(value => value - before);
  return [
    { what: `resident memory, ${ROLLOUTS} rollouts, nobody looks`, unit: 'MB', samples: [before] },
    {
      what: `more with ${VIEWERS} viewers and ${UPDATES_PER_SECOND} changes a second`,
      unit: 'MB',
      target: 50,
      samples: more,
    },
    { what: 'more, 5 s after they have gone', unit: 'MB', samples: [after - before] },
  ];
}

/** From the start of the program to the first words of the rollout, and to its end. */
function statusOnce({ kubeconfig }: Sandboxed, index: number): Promise<number> {
  const { namespace, name } = placeInCrowd(index);
  const startMs = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'status', name, '-n', namespace, '--kubeconfig', kubeconfig]);
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (data: unknown) => {
      text += String(data);
      if (text.includes(name)) resolve(performance.now() - startMs);
    };
    child.stdout.on('data', take);
    let complaints = '';
    child.stderr.on('data', data => {
      complaints += String(data);
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`sluice status ${name} did not name it:\n${text}${complaints}`)));
  });
}

const bareNode = (): Promise<number> => {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', '0'], error => (error === null ? resolve(performance.now() - startMs) : reject(error)));
  });
};

async function status({ world }: Bench): Promise<readonly Figure[]> {
  const samples: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run < STATUS_RUNS; run++) {
    samples.push(await statusOnce(world, 7 + run * 50));
    bare.push(await bareNode());
  }
  return [
    { what: '`sluice status`: start to first words', unit: 'ms', target: 400, samples },
    { what: 'of that, what Node needs to start and end', unit: 'ms', samples: bare },
  ];
}

const shown = (value: number): string => value.toFixed(value < 100 ? 1 : 0);

function print(figures: readonly Figure[], conditions: Conditions): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ conditions, figures }, null, 2));
    return;
  }
  console.log('| figure | to reach | unit | median | p99 | max | n |\n| --- | --- | --- | --- | --- | --- | --- |');
  for (const { what, target, unit, samples } of figures) {
    const values = [quantile(samples, 0.5), quantile(samples, 0.99), Math.max(...samples)].map(shown);
    console.log(`| ${[what, target === undefined ? '-' : `< ${target}`, unit, ...values, samples.length].join(' | ')} |`);
  }
  console.log(conditionsLine(conditions));
}

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<readonly Figure[]>>> = { paint, updates, viewers, status };

const asked = process.argv.slice(2).filter(argument => !argument.startsWith('--'));
const unknown = asked.filter(name => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) throw new Error(`no part is named ${unknown.join(', ')}; known are ${Object.keys(PARTS).join(', ')}`);
const { node = '', cores = '', 'load average': loadAverage = '' } = conditionsNow();
const bench = await open();
try {
  const conditions = { node, cores, chromium: bench.browser.version(), rollouts: ROLLOUTS, 'load average': loadAverage };
  const figures: Figure[] = [];
  for (const [name, part] of Object.entries(PARTS))
    if (asked.length === 0 || asked.includes(name)) figures.push(...(await part(bench)));
  const { 'load average': loadAtEnd = '' } = conditionsNow();
  print(figures, { ...conditions, 'load average at the end': loadAtEnd });
} finally {
  await bench.close();
}
