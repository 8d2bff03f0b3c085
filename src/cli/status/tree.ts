import { momentFor, type RolloutView } from '../../rollout/index.ts';
import { phaseTone } from '../get/rows.ts';
import { ageText, countdownText } from '../terminal/age.ts';
import { cutLine, type Line, plain, type Span, wrap } from '../terminal/text.ts';
import { gateLines, podLines, stepLines, todoLines } from './branches.ts';
import { ATTENTION_TONES, type Marks, marksFor } from './marks.ts';
import type { PodsView } from './pods.ts';

export type Style = {
  /** Columns; may be without end. */
  readonly width: number;
  readonly isAscii: boolean;
};

export type Shown = {
  readonly view: RolloutView;
  /** Absent: not known yet. */
  readonly pods?: PodsView;
  readonly nowMs: number;
  /** What people should know about what they see, such as that it is old. */
  readonly notice?: string;
};

/** A Rollout as lines of a terminal, none of them wider than it; the same input gives the same lines. */
export const statusTree = (shown: Shown, style: Style): readonly Line[] => [
  ...upperTree(shown, style),
  ...lowerTree(shown, style),
];

/** What the Rollout alone tells: it can be shown before anything is known of pods. */
export const upperTree = ({ view, nowMs }: Shown, style: Style): readonly Line[] => {
  const sizes = { ...style, marks: marksFor(style) };
  const lines: readonly Line[] = [
    ...headLines(view, nowMs, sizes),
    ...(view.steps.length === 0 || isAtRest(view) ? [] : [heading('Steps'), ...stepLines(view, nowMs, sizes)]),
    ...(view.gates.length === 0 ? [] : [heading('Gates'), ...gateLines(view, sizes)]),
  ];
  return fitted(lines, sizes);
};

/** What stands below that: pods, what a person can do, and a notice. */
export const lowerTree = ({ view, pods, notice }: Shown, style: Style): readonly Line[] => {
  const lines: readonly Line[] = [
    ...(pods === undefined ? [] : [heading('Pods'), ...podLines(pods, style)]),
    ...(view.todo.length === 0 ? [] : [heading('You can'), ...todoLines(view.todo, style)]),
    ...(notice === undefined ? [] : wrap(plain(notice), style.width).map(text => [{ text, tone: 'warn' as const }])),
  ];
  return fitted(lines, { ...style, marks: marksFor(style) });
};

const fitted = (lines: readonly Line[], { width, marks }: Sizes): readonly Line[] =>
  lines.map(line => cutLine(line, width, marks.ellipsis));

const heading = (text: string): Line => [{ text, tone: 'strong' }];

/** What the spec would do next time says nothing about now. */
const isAtRest = ({ phase }: RolloutView): boolean => phase === 'Healthy';

type Sizes = Style & { readonly marks: Marks };

const headLines = (view: RolloutView, nowMs: number, sizes: Sizes): readonly Line[] => {
  const { namespace, name, phase, title, since, message, attention } = view;
  const mark = { text: sizes.marks.attention[attention], tone: ATTENTION_TONES[attention] };
  const age = since === undefined ? '' : `  for ${ageText(nowMs - Date.parse(since))}`;
  return [
    [
      mark,
      { text: ` ${namespace}/${name}  `, tone: 'strong' },
      { text: phase, tone: phaseTone(phase) },
      { text: `  ${title}` },
      { text: age, tone: 'dim' },
    ],
    ...wrap(plain(message), sizes.width - INDENT.length).map(text => [{ text: `${INDENT}${text}` }]),
    labelled('Version', [{ text: versionsText(view, sizes.marks) }]),
    ...weightLines(view, sizes),
    ...waitingLines(view, nowMs),
    ...questionLines(view),
    ...requestLines(view, nowMs),
  ];
};

const INDENT = '  ';
const LABEL = 10;

const labelled = (label: string, spans: Line): Line => [{ text: `${INDENT}${label.padEnd(LABEL)}`, tone: 'dim' }, ...spans];

const versionsText = ({ versions, phase }: RolloutView, { arrow }: Marks): string => {
  const { wanted, stable, canary } = versions;
  const next = wanted !== stable && wanted !== canary ? `; ${wanted} is wanted` : '';
  if (stable === undefined) return plain(`${wanted} is wanted`);
  if (canary === undefined) return plain(`${stable}${next}`);
  if (phase === 'RolledBack') return plain(`${stable}; ${canary} was put back${next}`);
  return plain(phase === 'RollingBack' ? `${canary} ${arrow} back to ${stable}${next}` : `${stable} ${arrow} ${canary}${next}`);
};

const weightLines = ({ versions, weight, ended }: RolloutView, { marks, width }: Sizes): readonly Line[] => {
  const { stable, canary } = versions;
  if (canary === undefined) return stable === undefined ? [] : [labelled('Weight', [{ text: `100 % ${plain(stable)}` }])];
  const size = width < 60 ? 10 : 20;
  const full = Math.round((size * weight.intended) / 100);
  const more = [
    ...(ended === undefined ? [] : [`went back from ${ended.weight} % in step ${ended.step}`]),
    ...(weight.observed === undefined || weight.observed === weight.intended ? [] : [`the mesh has ${weight.observed} %`]),
    ...(weight.measured === undefined ? [] : [`measured ${Math.round(10 * weight.measured) / 10} %`]),
  ];
  const spans: Line = [
    { text: marks.bar.full.repeat(full), tone: 'busy' },
    { text: marks.bar.empty.repeat(size - full), tone: 'dim' },
    { text: ` ${weight.intended} % ${plain(canary)}` },
    { text: more.length === 0 ? '' : `  ${more.join(', ')}`, tone: 'dim' },
  ];
  return [labelled('Weight', spans)];
};

const waitingLines = ({ waiting }: RolloutView, nowMs: number): readonly Line[] => {
  if (waiting === undefined) return [];
  const { words, until } = waiting;
  return [labelled('Waits for', [{ text: words }, ...(until === undefined ? [] : untilSpans(Date.parse(until), nowMs))])];
};

/** A controller that runs looks again at that moment. */
const OVERDUE_MS = 30_000;

const untilSpans = (untilMs: number, nowMs: number): readonly Span[] => {
  const moment = momentFor(untilMs, nowMs);
  if (nowMs - untilMs > OVERDUE_MS)
    return [{ text: `, which was over at ${moment}, ${ageText(nowMs - untilMs)} ago: does the controller run?`, tone: 'warn' }];
  return [
    { text: `  ${countdownText(untilMs - nowMs)} left`, tone: 'strong' },
    { text: `, until ${moment}`, tone: 'dim' },
  ];
};

const questionLines = ({ question }: RolloutView): readonly Line[] => {
  if (question === undefined) return [];
  const { step, weight, approval, given } = question;
  const what = approval.when === 'before' ? `may step ${step} at ${weight} % begin?` : `may step ${step} be left?`;
  const so =
    given.length === 0 ? 'nobody has agreed' : `${given.length} of ${approval.required} have agreed: ${given.join(', ')}`;
  return [labelled('Asks', [{ text: plain(`${what} ${so}; asked ${approval.approvers.join(', ')}`), tone: 'warn' }])];
};

const requestLines = ({ lastRequest }: RolloutView, nowMs: number): readonly Line[] => {
  if (lastRequest === undefined) return [];
  const { verb, outcome, at } = lastRequest;
  const ago = `  ${ageText(nowMs - Date.parse(at))} ago`;
  return [labelled('Request', [{ text: plain(`${verb} ${outcome}`) }, { text: ago, tone: 'dim' }])];
};
