import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'] as const;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of Chromium: `SLUICE_CHROMIUM`, or the first in PATH. Throws with what to install when there is none. */
function findChromium(): string {
  const given = process.env['SLUICE_CHROMIUM'];
  if (given) {
    if (isProgram(given)) return given;
    throw new Error(`finding Chromium: SLUICE_CHROMIUM names ${given}, which is no program`);
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(folder => folder !== '');
  const found = NAMES.flatMap(name => folders.map(folder => join(folder, name))).find(isProgram);
  if (found !== undefined) return found;
  throw new Error(
    `finding Chromium: none of ${NAMES.join(', ')} is in PATH. Install it (on Debian: apt-get install --no-install-recommends ` +
      'chromium fonts-dejavu-core), or set SLUICE_CHROMIUM to the path of one that is there already, or leave it out with ' +
      'SLUICE_REAL_WITHOUT=chromium (the tests of the dashboard do not run then, and the summary says so).',
  );
}

/** Starts Chromium without a window. It finds no host but the addresses of this machine. Throws when there is none. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: findChromium(),
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--disable-background-networking'],
  });

/** How somebody looks at the dashboard. */
export interface Look {
  readonly scheme?: 'light' | 'dark';
  /** CSS pixels. */
  readonly width?: number;
  readonly height?: number;
}

/** What went wrong in a page, or left this server, since it was opened. */
export interface Noted {
  /** Errors of the console and of scripts, and what the policy of contents (CSP) refused. */
  readonly errors: readonly string[];
  /** Requests to anything but the server. */
  readonly elsewhere: readonly string[];
  /** `404 GET /favicon.ico`: answers that are no success. */
  readonly refused: readonly string[];
}

export interface Visit extends Noted {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly close: () => Promise<void>;
}

// Chromium tells each answer that is no success as an error of the console too; those stand in `refused`
const TOLD_ELSEWHERE = /^Failed to load resource: /;

function note(context: BrowserContext, page: Page, url: string): Noted {
  const errors: string[] = [];
  const elsewhere: string[] = [];
  const refused: string[] = [];
  page.on('console', message => {
    if (message.type() === 'error' && !TOLD_ELSEWHERE.test(message.text())) errors.push(message.text());
  });
  page.on('pageerror', error => errors.push(error.message));
  context.on('request', request => {
    if (new URL(request.url()).origin !== new URL(url).origin) elsewhere.push(request.url());
  });
  context.on('response', answer => {
    if (answer.status() < 400) return;
    refused.push(`${answer.status()} ${answer.request().method()} ${new URL(answer.url()).pathname}`);
  });
  return { errors, elsewhere, refused };
}

/** Opens a tab of its own, with a session of its own. */
export async function visit(browser: Browser, url: string, look: Look = {}): Promise<Visit> {
  const context = await browser.newContext({
    baseURL: url,
    colorScheme: look.scheme ?? 'light',
    viewport: { width: look.width ?? 1_280, height: look.height ?? 800 },
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
  });
  const page = await context.newPage();
  return { page, context, ...note(context, page, url), close: () => context.close() };
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary?: string }[];
}

/** What axe-core has against the page as it stands, one line for each element; all of its rules. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  // scripts of the debugger are not held to the page's policy
  await page.evaluate(axe.source);
  const violations = await page.evaluate<readonly Violation[]>('axe.run(document).then(({ violations }) => violations)');
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary.replace(/\s+/g, ' ')}`),
  );
}

// what runs in the page stands as text: this program knows no types of browsers

/** By how many CSS pixels the page is wider than its window; what reaches out is named. */
export const sidewaysOverflow = (page: Page): Promise<{ readonly pixels: number; readonly by: readonly string[] }> =>
  page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > clientWidth + 1);
    const by = wide.slice(0, 5).map(each => each.tagName.toLowerCase() + '#' + each.id + '.' + each.className);
    return { pixels: scrollWidth - clientWidth, by: scrollWidth > clientWidth ? by : [] };
  })()`);

/** A row of pixels in a chart: how much of it, from the left to the right, has the colour that a variable of the style sheet names. */
export interface DrawnRow {
  /** Selector of what holds the chart. */
  readonly chart: string;
  /** `--accent` */
  readonly colour: string;
  /** CSS pixels from the top of the plot, as a share of its height. Default: the row with most of the colour. */
  readonly height?: number;
}

/** Shares (0..1) of the columns of the plot in which that colour is painted, up to two CSS pixels above or below the row. */
export const paintedShare = (page: Page, { chart, colour, height }: DrawnRow): Promise<number> =>
  page.evaluate(`(() => {
    const canvas = document.querySelector(${JSON.stringify(`${chart} canvas`)});
    const plot = document.querySelector(${JSON.stringify(`${chart} .u-over`)}).getBoundingClientRect();
    const place = canvas.getBoundingClientRect();
    const wanted = document.createElement('canvas').getContext('2d');
    wanted.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(${JSON.stringify(colour)}).trim();
    wanted.fillRect(0, 0, 1, 1);
    const [red, green, blue] = wanted.getImageData(0, 0, 1, 1).data;
    const [left, top] = [Math.round(plot.left - place.left), Math.round(plot.top - place.top)];
    const [width, tall] = [Math.round(plot.width), Math.round(plot.height)];
    const { data } = canvas.getContext('2d').getImageData(left, top, width, tall);
    const isPainted = (x, y) => {
      const at = 4 * (y * width + x);
      const distance = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
      return data[at + 3] > 120 && distance < 60;
    };
    const shareAt = y => {
      let columns = 0;
      for (let x = 0; x < width; x++)
        if ([-2, -1, 0, 1, 2].some(by => y + by >= 0 && y + by < tall && isPainted(x, y + by))) columns++;
      return columns / width;
    };
    const height = ${JSON.stringify(height ?? null)};
    if (height !== null) return shareAt(Math.round(height * tall));
    return Math.max(...Array.from({ length: tall }, (_, y) => shareAt(y)));
  })()`);

/** Presses Tab until what the selector finds, or something in it, has the focus. Throws when it is not reached. */
export async function tabTo(page: Page, selector: string, most = 60): Promise<void> {
  const isThere = `document.activeElement?.closest(${JSON.stringify(selector)}) != null`;
  for (let pressed = 0; pressed < most; pressed++) {
    if (await page.evaluate<boolean>(isThere)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`pressing Tab ${most} times: ${selector} does not get the focus`);
}
