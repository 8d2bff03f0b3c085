import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { openBed } from './bed/bed.ts';
import { accessibilityProblems, launchBrowser, paintedShare, sidewaysOverflow, tabTo, type Visit, visit } from './browser.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { installSluice } from './installed.ts';
import { allow, tokenForSeconds } from './looking.ts';
import { openStory, type Story } from './story.ts';

const bed = openBed(inject('bedDirectory'));

const [MOVES, ASKS, BACK] = ['dash-moves', 'dash-asks', 'dash-back'] as const;
const GATE = { name: 'success-rate', prometheus: { metric: 'success-rate' }, threshold: { min: 99 } };
const PLOTS = {
  [MOVES]: { canary: { steps: [{ setWeight: 50, pause: { duration: '30m' } }] }, gates: [GATE] },
  [ASKS]: {
    canary: {
      steps: [
        { setWeight: 20, pause: { duration: '1s' } },
        { setWeight: 60, pause: {}, approval: { approvers: ['user:alice'] } },
      ],
    },
    gates: [],
  },
  [BACK]: { canary: { steps: [{ setWeight: 50, pause: { duration: '30m' } }] }, gates: [GATE] },
};
const TOKEN_KEY = 'sluice-token';
/** Long enough for a page to open with it. */
const SHORT_TOKEN_S = 30;
const MARKUP = '<img src=x onerror="document.title=1"><b>fine</b>';

const addressOf = (namespace: string) => `/rollouts/${namespace}/forecast`;
const rowOf = (page: Page, namespace: string) => page.locator('table.lines tbody tr', { hasText: `${namespace}/` });

describe.runIf(bed.has('envoy', 'prometheus', 'chromium'))('the dashboard in Chromium', { retry: 0 }, () => {
  let browser: Browser;
  let controller: ControllerProcess;
  const stories = new Map<string, Story>();
  const visits: Visit[] = [];
  const takeAway: (() => Promise<void>)[] = [];
  let expiring: Visit;

  const open = async (address: string, token?: string, look = {}): Promise<Visit> => {
    const opened = await visit(browser, controller.url, look);
    visits.push(opened);
    if (token !== undefined) await opened.context.addInitScript(`sessionStorage.setItem('${TOKEN_KEY}', '${token}')`);
    await opened.page.goto(address);
    return opened;
  };
  const storyOf = (namespace: string): Story => {
    const story = stories.get(namespace);
    if (story === undefined) throw new Error(`there is no story ${namespace}`);
    return story;
  };
  const openPlot = async (namespace: keyof typeof PLOTS) => {
    const apply = (_file: string, text: string) => bed.kubernetes.apply(parse(text));
    const options = { namespace, ...PLOTS[namespace], ratePerSecond: 30, versions: ['v1', 'v2'], replicas: 1 };
    stories.set(namespace, await openStory(bed, apply, options));
  };

  beforeAll(async () => {
    browser = await launchBrowser();
    const kubeconfig = await installSluice(bed);
    const namespaces = [MOVES, ASKS, BACK];
    controller = await startController(bed, { kubeconfig, namespaces, leaderElection: false, port: 'controller' });
    takeAway.push(await allow(bed, 'act', { kind: 'User', name: 'alice' }));
    takeAway.push(await allow(bed, 'read', { kind: 'User', name: 'bob' }));
    await Promise.all(namespaces.map(openPlot));
    await bed.pods.behave({ namespace: BACK, app: 'forecast', version: 'v2' }, { errorRate: 0.3 });
    expiring = await open(addressOf(MOVES), await tokenForSeconds(bed, MOVES, SHORT_TOKEN_S));
    await Promise.all(namespaces.map(namespace => storyOf(namespace).commit('v2')));
    await storyOf(MOVES).untilSplit('v1:50 v2:50');
    await storyOf(ASKS).until('the question', ({ phase }) => phase === 'AwaitingApproval');
    await storyOf(BACK).until('the end', ({ phase }) => phase === 'RolledBack');
  });

  afterAll(async () => {
    for (const right of takeAway) await right();
    await browser?.close();
    await Promise.all([...stories.values()].map(story => story.close()));
    await controller?.stop();
  });

  const LOOKS = [
    { name: 'the list', address: '/', shows: '.lines .row, .lines tbody tr' },
    { name: 'Progressing', address: addressOf(MOVES), shows: '#weight-chart canvas' },
    { name: 'AwaitingApproval', address: addressOf(ASKS), shows: '#approve' },
    { name: 'RolledBack', address: addressOf(BACK), shows: '#cause' },
  ];

  it.each(LOOKS)('$name is as wide as the window, and for everybody, in both schemes', async ({ address, shows }) => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page, close } = await open(address, bed.tokenOf('alice'), { scheme });
      await page.locator(shows).first().waitFor({ state: 'visible' });
      for (const width of [1_280, 768, 320]) {
        await page.setViewportSize({ width, height: 800 });
        expect({ scheme, width, ...(await sidewaysOverflow(page)) }).toEqual({ scheme, width, pixels: 0, by: [] });
        if (width !== 768) expect(await accessibilityProblems(page)).toEqual([]);
      }
      await close();
    }
  });

  it('the sign-in is for everybody, too', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      const { page, close } = await open('/', undefined, { scheme, width: 320 });
      await page.locator('#token').waitFor({ state: 'visible' });
      expect(await accessibilityProblems(page)).toEqual([]);
      expect((await sidewaysOverflow(page)).pixels).toBe(0);
      await close();
    }
  });

  it.each(['light', 'dark'] as const)('the charts are painted, in the %s scheme', async scheme => {
    const { page } = await open(addressOf(MOVES), bed.tokenOf('alice'), { scheme });
    await page.locator('#gate-charts canvas').first().waitFor();
    // the scale of the weight ends at 106 %
    const half = () => paintedShare(page, { chart: '#weight-chart', colour: '--accent', height: 1 - 50 / 106 });
    await expect.poll(half).toBeGreaterThan(0.1);
    expect(await paintedShare(page, { chart: '#weight-chart', colour: '--accent', height: 1 - 80 / 106 })).toBeLessThan(0.1);
    const limit = await paintedShare(page, { chart: '#gate-charts', colour: '--broken' });
    // a dashed line from one end to the other
    expect(limit).toBeGreaterThan(0.3);
    expect(limit).toBeLessThan(0.95);
  });

  it('R36: from the list to the cause of a rollback it is two clicks', async () => {
    const { page } = await open('/', bed.tokenOf('alice'));
    await rowOf(page, BACK).getByRole('link').click();
    const cause = page.locator('#cause');
    await cause.waitFor({ state: 'visible' });
    const story = await storyOf(BACK).status();
    expect(await page.locator('#state').textContent()).toContain('RolledBack');
    expect(await page.locator('#message').textContent()).toBe(story?.message);
    await expect.poll(() => cause.textContent()).toMatch(/success-rate.*%.*>= 99 %/s);
    await page.getByRole('button', { name: /^Evidence: / }).click();
    const record = page.locator('#history .record:visible');
    await expect.poll(() => record.first().textContent()).toMatch(/new version: .*bad of/);
  });

  it('R36: who has no token when asking for the cause gives one there, and sees the record', async () => {
    const token = bed.tokenOf('alice');
    const { page } = await open(addressOf(BACK), token);
    const evidence = page.getByRole('button', { name: /^Evidence: / });
    await evidence.waitFor({ state: 'visible' });
    await page.evaluate(`sessionStorage.removeItem('${TOKEN_KEY}')`);
    await evidence.click();
    await page.locator('#token:focus').waitFor();
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    const record = page.locator('#history .record:visible');
    await expect.poll(() => record.first().textContent()).toMatch(/new version: .*bad of/);
  });

  it('R19, R22: with the keyboard alone somebody signs in, finds, approves, and aborts', async () => {
    const { page } = await open('/');
    await page.locator('#token').waitFor({ state: 'visible' });
    await tabTo(page, '#token');
    await page.keyboard.type(bed.tokenOf('alice'));
    await page.keyboard.press('Enter');
    await rowOf(page, ASKS).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(ASKS);
    await expect.poll(() => page.locator('table.lines tbody tr').count()).toBe(1);
    await tabTo(page, 'table.lines tbody a');
    await page.keyboard.press('Enter');
    await page.locator('#approve').waitFor({ state: 'visible' });
    await tabTo(page, '#approve');
    await page.keyboard.press('Enter');
    await page.keyboard.type(MARKUP);
    await tabTo(page, 'dialog .send');
    await page.keyboard.press('Enter');
    await storyOf(ASKS).untilSplit('v1:40 v2:60');
    await expect.poll(() => page.locator('#answers').textContent()).toContain(MARKUP);
    await expect.poll(() => page.locator('#answers').textContent()).toContain('alice');
    expect(await page.locator('main img, main b').count()).toBe(0);

    await tabTo(page, '.actions button.grave', 120);
    await page.keyboard.press('Enter');
    await page.keyboard.type(`no more ${MARKUP}`);
    await tabTo(page, 'dialog .send');
    await page.keyboard.press('Enter');
    await storyOf(ASKS).untilSplit('v1:100');
    const { message } = await storyOf(ASKS).until(
      'the end',
      ({ phase, reason }) => phase === 'RolledBack' && reason === 'Aborted',
    );
    expect(message).toContain('alice');
    await expect.poll(() => page.locator('#message').textContent()).toBe(message);
    await expect.poll(() => page.locator('#history').textContent()).toContain(MARKUP);
    expect(await page.locator('main img, main b').count()).toBe(0);
    expect(await page.title()).toContain('RolledBack');
  });

  it('R22: who may only read sees why the buttons do nothing, and nothing is sent', async () => {
    const { page } = await open(addressOf(MOVES), bed.tokenOf('bob'));
    const abort = page.locator('.actions button.grave');
    await expect.poll(() => abort.getAttribute('aria-disabled')).toBe('true');
    expect(await page.locator('#actions-why').textContent()).toContain('update');
    const sent: string[] = [];
    page.on('request', request => {
      if (request.method() !== 'GET') sent.push(request.url());
    });
    // it stays in reach, and says why
    await abort.click({ force: true });
    expect(await page.locator('dialog[open]').count()).toBe(0);
    await expect.poll(() => page.locator('#outcome').textContent()).toContain('update');
    expect(sent).toEqual([]);
  });

  it('a server that dies is told, what was shown stays, and it goes on when the server is back', async () => {
    const { page, errors } = await open(addressOf(MOVES), bed.tokenOf('alice'));
    await expect.poll(() => page.locator('.connection').getAttribute('data-state')).toBe('live');
    const message = await page.locator('#message').textContent();
    await controller.kill();
    await expect.poll(() => page.locator('.connection').getAttribute('data-state')).toBe('lost');
    expect(await page.locator('#message').textContent()).toBe(message);
    await controller.start();
    await expect.poll(() => page.locator('.connection').getAttribute('data-state')).toBe('live');
    // pages are served before caches are filled; what is asked for until then is answered 503
    await expect.poll(() => controller.leads()).toBe(true);
    await page.getByRole('button', { name: 'Promote', exact: true }).click();
    await page.locator('dialog .send').click();
    await storyOf(MOVES).until('v2 as stable', ({ phase, stableVersion }) => phase === 'Healthy' && stableVersion === 'v2');
    await expect.poll(() => page.locator('#state').textContent()).toContain('Healthy');
    expect(errors).toEqual([]);
  });

  it('a token that expires brings the sign-in back, and what was shown stays', async () => {
    const { page } = expiring;
    await page.locator('#token').waitFor({ state: 'visible', timeout: 150_000 });
    expect(await page.locator('#name').textContent()).toBe(`${MOVES}/forecast`);
    expect(await page.locator('#facts').textContent()).toContain('v2');
    expect(await page.locator('#weight-chart canvas').isVisible()).toBe(true);
    await page.locator('#token').fill(bed.tokenOf('bob'));
    await page.getByRole('button', { name: 'Sign in' }).last().click();
    await expect.poll(() => page.locator('.connection').getAttribute('data-state')).toBe('live');
  });

  it('no page had an error, or asked anybody else', () => {
    expect(visits.length).toBeGreaterThan(10);
    for (const { errors, elsewhere } of visits) expect({ errors, elsewhere }).toEqual({ errors: [], elsewhere: [] });
    const refused = visits.flatMap(each => each.refused);
    // a tab without a token is told to get one
    expect(refused.filter(answer => !/^401 GET \/api\/v1\/(self|stream|rollouts)/.test(answer))).toEqual([]);
  });
});
