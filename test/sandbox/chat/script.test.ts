import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { SCRIPT } from '../../../src/sandbox/chat/assets.ts';

/** The script of the inbox page, with as much of a browser as it uses. */

type Listener = (event: object) => unknown;
type Element = {
  readonly id: string;
  textContent: string;
  innerHTML: string;
  className: string;
  hidden: boolean;
  focused: number;
} & Record<string, unknown>;

const element = (id: string, more: object = {}): Element => ({
  ...{ id, textContent: '', innerHTML: '', className: '', hidden: false, focused: 0, dataset: {} },
  focus() {
    this.focused += 1;
  },
  ...more,
});

const settled = () => new Promise(resolve => setImmediate(resolve));

/** A page whose server answers with these; what the script asked for stands in `asked`. */
function openPage(answers: { html: string; outcome: object; confirms: boolean }) {
  const listeners = new Map<string, Listener>();
  const listen = (name: string) => (type: string, listener: Listener) => void listeners.set(`${name} ${type}`, listener);
  const change = element('change');
  const thread = element('thread-1', { open: false });
  const again = element('c-1-go');
  const inbox = element('inbox', {
    addEventListener: listen('inbox'),
    contains: () => true,
    querySelectorAll: () => [{ id: 'thread-1' }],
  });
  const notice = element('notice');
  const identity = element('identity', { addEventListener: listen('identity'), querySelector: () => change });
  const elements = [inbox, notice, identity, thread, again];
  const asked: { url: string; body?: string }[] = [];
  const confirmed: string[] = [];
  const streams: Record<string, () => void>[] = [];
  class FakeForm {
    fields: object;
    constructor(form: { fields?: object }) {
      this.fields = form.fields ?? { as: 'bob', channel: 'deploys' };
    }
    get(name: string) {
      return new Map(Object.entries(this.fields)).get(name);
    }
    *[Symbol.iterator]() {
      yield* Object.entries(this.fields);
    }
  }
  const globals = {
    document: {
      getElementById: (id: string) => elements.find(item => item.id === id) ?? null,
      activeElement: { id: 'c-1-go' },
      body: { scrollHeight: 100 },
    },
    FormData: FakeForm,
    URLSearchParams,
    EventSource: class {
      constructor() {
        streams.push(this as unknown as Record<string, () => void>);
      }
    },
    fetch: async (url: string, options: { body?: URLSearchParams } = {}) => {
      asked.push({ url, ...(options.body === undefined ? {} : { body: String(options.body) }) });
      return { ok: true, text: async () => answers.html, json: async () => answers.outcome };
    },
    confirm: (text: string) => {
      confirmed.push(text);
      return answers.confirms;
    },
    innerHeight: 100,
    scrollY: 0,
    scrollTo: () => {},
  };
  runInNewContext(SCRIPT, globals);
  const press = async () => {
    const submitter = { dataset: { confirm: 'Sure?' }, textContent: 'Go', disabled: false };
    const target = { fields: { user: 'U0BOB0002', action: 'go' } };
    await listeners.get('inbox submit')?.({ preventDefault: () => {}, submitter, target });
    await settled();
  };
  return { inbox, notice, change, thread, again, asked, confirmed, stream: streams[0] ?? {}, press, answers };
}

it('shows what is new, with open threads and the keyboard where they were', async () => {
  const page = openPage({ html: '<article>news</article>', outcome: {}, confirms: true });
  expect(page.change.hidden).toBe(true);
  page.stream['onmessage']?.();
  await settled();
  expect(page.asked).toEqual([{ url: '/inbox?channel=deploys&as=bob' }]);
  expect(page.inbox.innerHTML).toBe('<article>news</article>');
  expect(page.thread['open']).toBe(true);
  expect(page.again.focused).toBe(1);
  page.stream['onmessage']?.();
  await settled();
  expect(page.again.focused).toBe(1);
});

it('asks before it presses, and says what came of it', async () => {
  const page = openPage({ html: '', outcome: { status: 200, tookMs: 12 }, confirms: true });
  await page.press();
  expect(page.confirmed).toEqual(['Sure?']);
  expect(page.asked[0]).toEqual({ url: '/press', body: 'user=U0BOB0002&action=go' });
  expect(page.notice).toMatchObject({ textContent: 'Go: acknowledged after 12 ms', className: 'good' });
  page.answers.outcome = { status: 401, tookMs: 3, problem: 'the app answered 401' };
  await page.press();
  expect(page.notice).toMatchObject({ textContent: '⚠ Go: the app answered 401', className: 'bad' });
});

it('presses nothing when the person thinks better of it', async () => {
  const page = openPage({ html: '', outcome: {}, confirms: false });
  await page.press();
  expect(page.asked).toEqual([]);
});

it('says when the sandbox is gone, and when it is back', async () => {
  const page = openPage({ html: '', outcome: {}, confirms: true });
  page.stream['onerror']?.();
  expect(page.notice.textContent).toContain('does not answer');
  page.stream['onopen']?.();
  expect(page.notice.textContent).toBe('Connected again.');
});
