import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBed } from './bed/bed.ts';
import { accessibilityProblems, launchBrowser, sidewaysOverflow, type Visit, visit } from './browser.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { crowdNamespaces, crowdRollout, crowdStatus, forEachOf, foreignLease, kindInCrowd, pathInCrowd } from './crowd.ts';
import { installSluice } from './installed.ts';
import { allow } from './looking.ts';

const bed = openBed(inject('bedDirectory'));

const ROLLOUTS = 1_000;
const LEASES = 'dashboard-lease';
const MERGE = 'application/merge-patch+json';
const ROWS = 'table.lines tbody tr';

const setStatus = (index: number, words = '') =>
  bed.kubernetes.patch(`${pathInCrowd(index)}/status`, { status: crowdStatus(index, Date.now(), words) });

describe.runIf(bed.has('kube-apiserver', 'chromium'))('the list of a thousand rollouts in Chromium', () => {
  let browser: Browser;
  let controller: ControllerProcess;
  const visits: Visit[] = [];
  const takeAway: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
    const kubeconfig = await installSluice(bed);
    takeAway.push(await allow(bed, 'read', { kind: 'User', name: 'bob' }));
    for (const name of [...crowdNamespaces, LEASES])
      await bed.kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    await bed.kubernetes.apply(foreignLease(LEASES, Date.now()));
    await forEachOf(ROLLOUTS, async index => {
      await bed.kubernetes.request('POST', pathInCrowd(index).replace(/\/[^/]+$/, ''), crowdRollout(index));
      await bed.kubernetes.request('PATCH', `${pathInCrowd(index)}/status`, { status: crowdStatus(index, Date.now()) }, MERGE);
    });
    // it does not lead, and so works on none of them
    const settings = { kubeconfig, namespaces: [...crowdNamespaces, LEASES], leaderElection: true, leaseNamespace: LEASES };
    controller = await startController(bed, { ...settings, port: 'otherController' });
  });

  afterAll(async () => {
    for (const right of takeAway) await right();
    await browser?.close();
    await controller?.stop();
    for (const name of [...crowdNamespaces, LEASES]) await bed.kubernetes.delete(`/api/v1/namespaces/${name}`);
  });

  /** A tab in which somebody who may read has signed in, with all rows. */
  const openList = async (address = '/', rows = ROLLOUTS, look = {}): Promise<Visit> => {
    const opened = await visit(browser, controller.url, look);
    visits.push(opened);
    await opened.context.addInitScript(`sessionStorage.setItem('sluice-token', '${bed.tokenOf('bob')}')`);
    await opened.page.goto(address);
    await expect.poll(() => opened.page.locator(ROWS).count()).toBe(rows);
    return opened;
  };
  const attentions = ({ page }: Visit) =>
    page.evaluate<string[]>(`[...document.querySelectorAll('${ROWS}')].map(row => row.dataset.attention)`);

  it('has all of them, those that need attention first', async () => {
    const opened = await openList();
    const seen = await attentions(opened);
    const RANKS = ['broken', 'asks', 'troubled', 'moves', 'waits', 'fine'];
    expect(seen).toEqual([...seen].sort((a, b) => RANKS.indexOf(a) - RANKS.indexOf(b)));
    const count = (kind: string) => seen.filter(each => each === kind).length;
    const expected = (kind: string) =>
      Array.from({ length: ROLLOUTS }, (_, index) => kindInCrowd(index)).filter(each => each === kind).length;
    for (const kind of ['broken', 'asks', 'moves', 'fine'])
      expect({ kind, count: count(kind) }).toEqual({ kind, count: expected(kind) });
    await expect.poll(() => opened.page.title()).toMatch(/Sluice/);
  });

  it('a status that changes is shown without a reload, and moves to its place', async () => {
    const { page } = await openList();
    const row = page.locator(ROWS, { has: page.locator('a[href="/rollouts/team-8/app-8"]') });
    expect(await row.getAttribute('data-attention')).toBe('fine');
    await bed.kubernetes.patch(`${pathInCrowd(8)}/status`, { status: { ...crowdStatus(107, Date.now(), 'it was fine before') } });
    await expect.poll(() => row.locator('.message').textContent()).toContain('it was fine before');
    await expect.poll(() => row.getAttribute('data-attention')).toBe('broken');
    await expect.poll(async () => (await page.locator(`${ROWS}[data-attention="broken"]`).count()) === 21).toBe(true);
    const first = page.locator(ROWS).first();
    await expect.poll(() => first.getAttribute('data-attention')).toBe('broken');
  });

  it('a filter by keyboard stands in the address, and survives a reload', async () => {
    const { page } = await openList();
    await page.keyboard.press('/');
    await page.keyboard.type('app-99');
    await expect.poll(() => page.locator(ROWS).count()).toBe(11);
    await expect.poll(() => page.url()).toContain('app-99');
    await page.reload();
    await expect.poll(() => page.locator(ROWS).count()).toBe(11);
    expect(await page.locator('#name').inputValue()).toBe('app-99');
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(() => page.locator(ROWS).count()).toBe(ROLLOUTS);
    await page.locator('#phase').selectOption('RolledBack');
    await expect
      .poll(async () => new Set(await page.locator(`${ROWS} .phase`).allTextContents()))
      .toEqual(new Set(['RolledBack']));
  });

  it('what others have written stays text', async () => {
    const words = '<img src=x onerror="document.title=1"><b>bold</b> {{x}}';
    await setStatus(57, words);
    const { page } = await openList('/?name=app-57', 11);
    await expect.poll(() => page.locator(`${ROWS} .message`).allTextContents()).toContainEqual(expect.stringContaining(words));
    expect(await page.locator('main img, main b').count()).toBe(0);
  });

  it.each(['light', 'dark'] as const)('is as wide as the window, and for everybody, in the %s scheme', async scheme => {
    const { page } = await openList('/?name=app-13', 11, { scheme });
    for (const width of [1_280, 768, 320]) {
      await page.setViewportSize({ width, height: 800 });
      expect({ width, ...(await sidewaysOverflow(page)) }).toEqual({ width, pixels: 0, by: [] });
      if (width !== 768) expect(await accessibilityProblems(page)).toEqual([]);
    }
  });

  it('no page had an error, or asked anybody else', () => {
    expect(visits.length).toBeGreaterThan(5);
    for (const { errors, elsewhere, refused } of visits)
      expect({ errors, elsewhere, refused }).toEqual({ errors: [], elsewhere: [], refused: [] });
  });
});
