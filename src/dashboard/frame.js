// @ts-check
/** What every page has around it: header, sign-in, freeze, the state of the connection, and the voice for screen readers. */
import { timeEl } from './clock.js';
import { attend, createConnectionText } from './connection.js';
import { byId, el, setAttribute, setText, svg } from './dom.js';
import { api, hasToken, onRefused, signOut } from './session.js';
import { createSignIn } from './signIn.js';

/** @typedef {import('./session.js').Self} Self */
/** @typedef {import('./stream.js').StreamEvent} StreamEvent */
/** @typedef {import('./stream.js').StreamState} StreamState */

/**
 * @typedef {object} Page
 * @property {string} title of the tab
 * @property {string} stream path of the events that the page lives of
 * @property {(event: StreamEvent) => void} onEvent
 * @property {(state: StreamState) => void} [onState] after the frame has shown it
 * @property {(self: Self) => void} [onSelf] at the beginning, after signing in, and every half minute
 */

/**
 * @typedef {object} Frame
 * @property {(text: string) => void} title of the tab
 * @property {(text: string) => void} say what a screen reader tells when it is done with what it says now
 * @property {(text: string) => void} notice a sentence that everybody has to see; empty: none
 * @property {(why: string) => void} askSignIn opens the form; `why` is a sentence, or empty
 * @property {() => void} restart opens the stream anew
 */

const SELF_EVERY_MS = 30_000;
const SAID_MS = 20_000;
/** Where the list was last, so that the way back keeps its filters. */
const LAST_LIST = 'sluice-list';

/**
 * Fills `#frame` and follows the stream of the page. It is the one that asks for a token: what the page asks by `api` and is
 * refused with 401 opens the form too.
 * @param {Page} page
 * @returns {Frame}
 */
export const mountFrame = page => {
  let isShown = false;
  let isOpenToAll = false;
  const header = createHeader(() => askSignIn(''));
  const voice = createVoice();
  const form = createSignIn(async () => {
    const problem = await enter();
    if (problem === '') stream.restart();
    return problem;
  });
  /** @param {string} why */
  const askSignIn = why => form.open(why, { isNeeded: !isShown });

  /** Who is looking; answers with the sentence of the problem, if there is one. */
  const enter = async () => {
    const answer = await api('/api/v1/self');
    if (!answer.ok) return answer.detail;
    isOpenToAll = answer.body.anonymousRead;
    header.showSelf(answer.body);
    page.onSelf?.(answer.body);
    return '';
  };

  /** @param {string} why */
  const refused = why => {
    header.showNobody({ isShown });
    askSignIn(why);
  };

  /** @param {StreamState} state */
  const onState = state => {
    if (state.kind === 'live') isShown = true;
    if (state.kind === 'lost' && !header.isLost()) voice.say(`${state.detail} What is shown may be old.`);
    header.showState(state);
    page.onState?.(state);
    if (state.kind !== 'refused' || state.status !== 401) return;
    const why = hasToken() ? state.detail : '';
    signOut();
    refused(why);
    if (why !== '' && isOpenToAll) stream.restart();
  };

  byId('frame').replaceChildren(...header.elements, form.element);
  document.body.append(voice.element);
  measure(byId('frame'));
  setTitle(page.title);
  onRefused(refused);
  const stream = attend(page.stream, page.onEvent, onState);
  enter();
  setInterval(() => {
    if (!document.hidden && (isShown || hasToken())) enter();
  }, SELF_EVERY_MS);
  return { title: setTitle, say: voice.say, notice: header.notice, askSignIn, restart: stream.restart };
};

/** @param {() => void} onSignIn */
const createHeader = onSignIn => {
  const connection = createConnectionText();
  const who = el('span', { class: 'who' });
  const toggle = el('button', { type: 'button', class: 'quiet', hidden: true });
  const home = `/${sessionStorage.getItem(LAST_LIST) ?? ''}`;
  const bar = el(
    'div',
    { class: 'bar' },
    el('a', { class: 'brand', href: home }, logo(), 'Sluice'),
    connection.element,
    who,
    toggle,
  );
  const freeze = el('p', { class: 'freeze', role: 'status', hidden: true });
  const noticeElement = el('p', { class: 'notice', role: 'alert', hidden: true });
  toggle.addEventListener('click', () => (hasToken() ? leave() : onSignIn()));
  /** @param {string} text */
  const notice = text => {
    setText(noticeElement, text);
    noticeElement.hidden = text === '';
  };
  return {
    elements: [bar, freeze, noticeElement],
    notice,
    isLost: () => connection.element.dataset['state'] === 'lost',
    /** @param {Self} self */
    showSelf: self => {
      setText(who, self.user ?? '');
      setAttribute(who, 'title', self.user);
      setText(toggle, self.user === undefined ? 'Sign in' : 'Sign out');
      // a proxy may know who the reader is, and nobody can sign out of that here
      toggle.hidden = self.user !== undefined && !hasToken();
      showFreeze(freeze, self.freeze);
    },
    /** @param {{isShown: boolean}} how the form itself stands there where there is nothing else */
    showNobody: ({ isShown }) => {
      setText(who, '');
      setText(toggle, 'Sign in');
      toggle.hidden = !isShown;
    },
    /** @param {StreamState} state */
    showState: state => {
      connection.show(state);
      // that there is none is told by the page, which knows what of
      notice(state.kind === 'refused' && state.status !== 401 && state.status !== 404 ? state.detail : '');
    },
  };
};

/** What the reader was allowed to see goes too. */
const leave = () => {
  signOut();
  location.reload();
};

/** What screen readers tell; one that is busy comes to it later, so each sentence stays for a while. */
const createVoice = () => {
  const element = el('div', { class: 'unseen', role: 'status', 'aria-live': 'polite', 'aria-atomic': 'false' });
  return {
    element,
    /** @param {string} text */
    say: text => {
      const line = el('p', {}, text);
      element.append(line);
      setTimeout(() => line.remove(), SAID_MS);
    },
  };
};

/**
 * What sticks below the frame has to know how high it is.
 * @param {HTMLElement} frame
 */
const measure = frame => {
  const { style } = document.documentElement;
  new ResizeObserver(() => style.setProperty('--frame-height', `${frame.offsetHeight}px`)).observe(frame);
};

/** @param {string} text */
const setTitle = text => {
  const title = `${text} · Sluice`;
  if (document.title !== title) document.title = title;
};

/**
 * @param {HTMLElement} element
 * @param {Self['freeze']} freeze
 */
const showFreeze = (element, freeze) => {
  const text = freeze === undefined ? '' : JSON.stringify(freeze);
  if (element.dataset['of'] === text) return;
  element.dataset['of'] = text;
  element.hidden = freeze === undefined;
  if (freeze === undefined) return element.replaceChildren();
  const reason = freeze.reason === undefined || freeze.reason === '' ? '' : `: ${freeze.reason}`;
  const what = `${reason}. Nothing moves forward; what is bad still goes back. It ends by `;
  element.replaceChildren(
    el('strong', {}, 'Frozen'),
    ` by ${freeze.by} since `,
    timeEl(freeze.since, 'clock'),
    what,
    el('code', {}, 'sluice freeze --off'),
    '.',
  );
};

const logo = () =>
  svg(
    'svg',
    { class: 'logo', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svg('path', { d: 'M2 1v14M14 1v14M2 5h12M2 11.5c2-1.6 4-1.6 6 0s4 1.6 6 0' }),
  );

/** @param {string} query of the list's address, with its `?` */
export const rememberList = query => sessionStorage.setItem(LAST_LIST, query);
