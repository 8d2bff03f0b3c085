// Program: makes the pictures of the documentation anew: the dashboard in Chromium, and recordings of the command line. Names of pictures choose some.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Look, launchBrowser, visit } from '../../test/real/browser.ts';
import { PROGRAM } from '../../test/real/installed.ts';
import { FORECAST, MOVING, OTHERS, REVIEWS } from './apps.ts';
import { filmOf } from './film.ts';
import { svgOf } from './svg.ts';
import { record } from './terminal.ts';
import { openPictureWorld, type PictureWorld } from './world.ts';

const FOLDER = 'docs/pictures';
/** Larger ones make pages slow to load; a test holds them to it, too. */
const MOST_BYTES = { png: 200_000, svg: 300_000 } as const;

async function save(name: string, data: Buffer | string): Promise<void> {
  const file = join(FOLDER, name);
  await writeFile(file, data);
  const bytes = Buffer.byteLength(data);
  const most = MOST_BYTES[name.endsWith('.svg') ? 'svg' : 'png'];
  console.log(`${file}: ${Math.ceil(bytes / 1_000)} kB`);
  if (bytes > most) throw new Error(`${file} has more than ${most} bytes`);
}

interface Screenshot extends Look {
  readonly name: string;
  readonly address: string;
  /** Has to be there first. */
  readonly shows: string;
}

const SCREENSHOTS: readonly Screenshot[] = [
  { name: 'dashboard-list.png', address: '/', shows: 'table.lines tbody tr' },
  { name: 'dashboard-rollout.png', address: '/rollouts/weather/forecast', shows: '#gate-charts canvas', height: 1_400 },
  { name: 'dashboard-rolled-back.png', address: '/rollouts/bookinfo/reviews', shows: '#cause', height: 1_000 },
  { name: 'dashboard-dark.png', address: '/rollouts/weather/forecast', shows: '#gate-charts canvas', scheme: 'dark' },
];

async function photograph(world: PictureWorld, screenshots: readonly Screenshot[]): Promise<void> {
  const browser = await launchBrowser();
  try {
    for (const { name, address, shows, ...look } of screenshots) {
      const { page, context, close } = await visit(browser, world.url, look);
      await context.addInitScript(`sessionStorage.setItem('sluice-token', '${world.token}')`);
      await page.goto(address);
      await page.locator(shows).first().waitFor({ state: 'visible' });
      await page.locator('.connection[data-state="live"]').waitFor();
      await save(name, await page.screenshot({ animations: 'disabled', caret: 'hide' }));
      await close();
    }
  } finally {
    await browser.close();
  }
}

/** A rollout that goes back, as somebody sees it who watches. Its new version is good with few requests, and bad with half of them. */
async function recordStatus({ kubeconfig, commit, until, breakVersion }: PictureWorld): Promise<void> {
  await commit(REVIEWS, 'v2');
  await until(REVIEWS, 'the first step', ({ phase, traffic }) => phase === 'Progressing' && (traffic?.weight ?? 0) > 0);
  const breaking = (async () => {
    await until(REVIEWS, 'the second step', ({ step, gates }) => step?.index === 2 && (gates?.[0]?.samples ?? 0) > 60);
    await breakVersion(REVIEWS, 'v2', 0.12);
  })();
  breaking.catch(() => {
    // told below, when the recording is over
  });
  const { namespace, name } = REVIEWS;
  const recording = await record({
    command: `sluice status ${name} -n ${namespace} -w`,
    program: process.execPath,
    args: [PROGRAM, 'status', name, '-n', namespace, '-w'],
    columns: 110,
    rows: 30,
    env: { KUBECONFIG: kubeconfig },
    timeoutMs: 300_000,
  });
  await breaking;
  const film = await filmOf(recording, { pauseMs: 700, lastMs: 5_000 });
  await save('status.svg', svgOf(film, `sluice status -w: ${name} v2 goes back to v1, as too many of its answers are errors`));
}

async function recordDemo(): Promise<void> {
  const recording = await record({
    command: 'sluice demo',
    program: process.execPath,
    args: [PROGRAM, 'demo'],
    columns: 134,
    rows: 30,
    timeoutMs: 300_000,
  });
  const film = await filmOf(recording, { pauseMs: 450, lastMs: 6_000 });
  await save('demo.svg', svgOf(film, 'sluice demo: a good version is promoted, a bad one goes back by itself'));
}

async function inWorld(isAsked: (name: string) => boolean): Promise<void> {
  const screenshots = SCREENSHOTS.filter(({ name }) => isAsked(name));
  if (screenshots.length === 0 && !isAsked('status.svg')) return;
  const world = await openPictureWorld([FORECAST, REVIEWS, ...OTHERS]);
  try {
    await world.commit(FORECAST, 'v2');
    for (const app of OTHERS) if (MOVING.includes(`${app.namespace}/${app.name}`)) await world.commit(app, 'v2');
    await recordStatus(world);
    await world.until(REVIEWS, 'the way back', ({ phase }) => phase === 'RolledBack');
    await world.until(FORECAST, 'the second step', ({ step, gates }) => step?.index === 2 && (gates?.[0]?.samples ?? 0) > 200);
    await photograph(world, screenshots);
  } finally {
    await world.close();
  }
}

const NAMES = [...SCREENSHOTS.map(({ name }) => name), 'status.svg', 'demo.svg'];
const asked = process.argv.slice(2);
const unknown = asked.filter(name => !NAMES.includes(name));
if (unknown.length > 0) throw new Error(`no picture is named ${unknown.join(', ')}; known are ${NAMES.join(', ')}`);
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);
await mkdir(FOLDER, { recursive: true });
await inWorld(isAsked);
if (isAsked('demo.svg')) await recordDemo();
