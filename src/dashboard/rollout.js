// @ts-check
/** The page of one Rollout: what the stream tells of it is laid out, and what people ask is sent. */
/** @import { TimelinePoint } from '../controller/view-ports.ts' */
/** @import { Detail } from './detail.js' */
/** @import { Moment } from './plot.js' */
import { rangeOf, together, weightSentence, withPoint } from './charts.js';
import { timeEl } from './clock.js';
import { createConfirm } from './confirm.js';
import { causeOf, gatesShown } from './detail.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { mountFrame } from './frame.js';
import { createGateCharts, gateTable } from './gates.js';
import { showCause, showHeadline, showLinks, showSteps, showTodo, showWaiting } from './headline.js';
import { createHistory } from './history.js';
import { createHold } from './hold.js';
import { marksOf } from './marks.js';
import { createMesh } from './meshView.js';
import { createPeople } from './people.js';
import { followScheme } from './plot.js';
import { api } from './session.js';
import { clockText, nowMs } from './time.js';
import { createWeightChart } from './weightChart.js';

const [, , namespace = '', name = ''] = location.pathname.split('/').map(decodeURIComponent);
const path = `/api/v1/rollouts/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
/** What grows with time is drawn anew so often, also when nothing happens. */
const REDRAW_MS = 5_000;

/** What is shown. @type {Detail | undefined} */
let detail;
/** What is known; another one only while a pointer is about to press something. @type {Detail | undefined} */
let newest;
let isJustSent = false;
let isAllTime = false;
/** @type {readonly TimelinePoint[]} */
let points = [];
let isKnown = false;
/** What was painted last, by part: what is the same is left alone. */
const painted = new Map();

/** @type {Moment} */
const moment = { range: [0, 1] };
byId('page').hidden = false;
const weightChart = createWeightChart({ host: byId('weight-chart'), readout: byId('weight-readout'), moment });
const gateCharts = createGateCharts({ host: byId('gate-charts'), moment });
byId('page').hidden = true;
const plots = () => [weightChart.plot, ...gateCharts.plots()];
followScheme(plots);

/** Shows a moment in all charts, and leads there. */
const showMoment = (/** @type {string} */ at) => {
  moment.chosen = Date.parse(at) / 1_000;
  if (moment.chosen < moment.range[0] && !isAllTime) byId('all-time').click();
  for (const plot of plots()) plot.redraw(false);
  const left = weightChart.plot.valToPos(moment.chosen, 'x');
  weightChart.plot.setCursor({ left, top: 0 });
  byId('weight-title').scrollIntoView();
  byId('weight-title').focus({ preventScroll: true });
};

const frame = mountFrame({
  title: `${namespace}/${name}`,
  stream: `/api/v1/stream?namespace=${encodeURIComponent(namespace)}&name=${encodeURIComponent(name)}`,
  onEvent: ({ event, data }) => {
    if (event === 'rollout') take(data);
    if (event === 'gone') showGone();
    if (event === 'point') {
      points = withPoint(points, data);
      paintCharts();
    }
  },
  onState: state => {
    if (state.kind === 'refused' && state.status === 404) showGone();
    if (state.kind === 'live') catchUp();
  },
  onSelf: self => {
    isKnown = self.user !== undefined;
    if (detail !== undefined) people.show(detail, isKnown);
    history.signedIn();
  },
});
const confirmation = createConfirm({
  onOutcome: text => {
    setText(byId('outcome'), `${clockText(new Date(nowMs()).toISOString(), nowMs())} ${text}`);
    // what was pressed is done: what became of it is to be seen at once
    isJustSent = true;
    if (newest !== undefined) show(newest);
  },
});
const people = createPeople({ detail: () => detail, open: confirmation.open, askSignIn: frame.askSignIn });
const history = createHistory({ namespace, name, onMoment: showMoment, askSignIn: frame.askSignIn });
const mesh = createMesh({ namespace, name });

/** What happened while nobody was connected. */
const catchUp = async () => {
  const answer = await api(`${path}/timeline`);
  if (!answer.ok) return;
  points = together(points, answer.body.points);
  const { since } = answer.body;
  paint('since', since, () => byId('weight-since').replaceChildren('Known since ', timeEl(since, 'clock'), '.'));
  paintCharts();
  if (detail !== undefined) paintByPoints(detail);
};

/** Paints only what is another than before, so that nothing moves, loses its focus or is read out again without need. */
const paint = (/** @type {string} */ part, /** @type {unknown} */ of, /** @type {() => void} */ work) => {
  const text = JSON.stringify(of) ?? '';
  if (painted.get(part) === text) return;
  painted.set(part, text);
  work();
};

const hold = createHold(byId('act'), () => {
  if (newest !== undefined) show(newest);
});
byId('act').addEventListener('pointermove', () => {
  isJustSent = false;
});

/** Buttons do not move away under a pointer that is about to press one; it presses what is shown (R19). */
const take = (/** @type {Detail} */ next) => {
  newest = next;
  confirmation.update(next);
  if (!isJustSent && hold.defers()) return;
  show(next);
};

const show = (/** @type {Detail} */ next) => {
  const before = detail;
  detail = next;
  byId('gone').hidden = true;
  byId('page').hidden = false;
  const { view, status, links } = next;
  const { waiting, steps, todo, phase, title, step, weight } = view;
  frame.title(`${phase}: ${namespace}/${name}`);
  if (before !== undefined && (before.view.phase !== phase || before.view.step !== step)) frame.say(`${phase}: ${title}`);
  paint('headline', [{ ...view, actions: 0, gates: 0 }, status?.source], () => showHeadline(next));
  paint('waiting', waiting, () => showWaiting(waiting));
  paint('steps', steps, () => showSteps(steps));
  paint('todo', todo, () => showTodo(todo));
  paint('links', links, () => showLinks(links));
  paint('people', [view, next.may, next.question, next.ask, status?.approvals, isKnown], () => people.show(next, isKnown));
  paint('history', status?.history, () => history.show(status?.history ?? []));
  paint('mesh', [step, weight.intended, weight.observed, phase, next.spec], () => mesh.refresh());
  paintByPoints(next);
  paintCharts();
};

/** Parts for which both are needed: what is true, and what was before. */
const paintByPoints = (/** @type {Detail} */ shown) => {
  const [cause, gates] = [causeOf(shown, points), gatesShown(shown.view, points)];
  paint('cause', cause, () => {
    showCause(cause);
    showCauseLinks(cause);
  });
  paint('gates', gates, () => byId('gates').replaceChildren(gateTable(gates)));
};

const showCauseLinks = (/** @type {ReturnType<typeof causeOf>} */ cause) => {
  const { at, isDecided } = cause ?? {};
  const evidence = el('button', { type: 'button' }, 'Evidence: the record of this decision');
  evidence.addEventListener('click', () => history.openCause(detail?.view.phase ?? ''));
  const chart = el('button', { type: 'button', class: 'quiet' }, 'Show that moment in the charts');
  chart.addEventListener('click', () => showMoment(at ?? ''));
  byId('cause-links').replaceChildren(...(isDecided === true ? [evidence] : []), ...(at === undefined ? [] : [chart]));
};

const paintCharts = () => {
  if (detail === undefined) return;
  const marks = marksOf(detail.status?.history ?? [], points);
  moment.range = rangeOf(points, { nowMs: nowMs(), isAll: isAllTime, isInProgress: detail.view.step !== undefined });
  weightChart.show(points, marks);
  gateCharts.show(points);
  setText(byId('weight-words'), weightSentence(points));
  paint('marks', marks, () =>
    byId('marks').replaceChildren(
      ...marks.map(({ at, label, weight }) => {
        const button = el(
          'button',
          { type: 'button', class: 'quiet' },
          timeEl(at, 'clock'),
          ` ${label}${weight === null ? '' : ` (${weight} %)`}`,
        );
        button.addEventListener('click', () => showMoment(at));
        return el('li', {}, button);
      }),
    ),
  );
};

byId('all-time').addEventListener('click', () => {
  isAllTime = !isAllTime;
  setAttribute(byId('all-time'), 'aria-pressed', String(isAllTime));
  paintCharts();
});
setInterval(() => {
  if (!document.hidden) paintCharts();
}, REDRAW_MS);

/** What was shown stays: it is the last that is known. */
const showGone = () => {
  const gone = byId('gone');
  gone.hidden = false;
  const said =
    detail === undefined
      ? `There is no Rollout ${namespace}/${name}. It may have another name or namespace, or it was deleted.`
      : `The Rollout ${namespace}/${name} was deleted. What stands here is the last that was known of it.`;
  gone.replaceChildren(`${said} `, el('a', { href: '/' }, 'All rollouts'));
  frame.title(`gone: ${namespace}/${name}`);
};
setText(byId('name'), `${namespace}/${name}`);
