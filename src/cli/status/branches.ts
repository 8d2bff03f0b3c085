import type { GateView, RolloutView, StepView } from '../../rollout/index.ts';
import { ageText } from '../terminal/age.ts';
import { type Cell, cell, fittingLines } from '../terminal/table.ts';
import { type Line, lineWidth, plain, wrap } from '../terminal/text.ts';
import { type Marks, STEP_TONES, VERDICT_TONES } from './marks.ts';
import type { PodsView, VersionPods } from './pods.ts';

type Sizes = { readonly width: number; readonly marks: Marks };

const INDENT = 2;

/** Enough to see that something else is asked for. */
const APPROVAL_BEGINS = 12;

/** One line for each step; on narrow terminals without its routes, then without its name, and what it asks for is cut. */
export const stepLines = ({ steps }: RolloutView, nowMs: number, { width, marks }: Sizes): readonly Line[] =>
  fittingLines(
    steps.map(step => stepCells(step, nowMs, marks)),
    { width, indent: INDENT, drop: [4, 2, 6], lastNeeds: APPROVAL_BEGINS },
  );

const stepCells = (step: StepView, nowMs: number, marks: Marks): readonly Cell[] => {
  const { index, name, weight, mark, routes, pause, gates, startedAt } = step;
  const tone = STEP_TONES[mark];
  const stays = pause === '0s' ? '' : pause === 'until promoted' ? 'until promoted' : `stays ${pause}`;
  const began = startedAt === undefined ? '' : `in it for ${ageText(nowMs - Date.parse(startedAt))}`;
  return [
    cell(marks.step[mark], tone),
    cell(String(index), tone),
    cell(plain(name ?? ''), tone),
    cell(`${weight} %`.padStart(5), tone),
    cell(plain(routes ?? '')),
    cell([stays, began].filter(Boolean).join(', '), mark === 'now' ? undefined : 'dim'),
    cell(plain([approvalText(step), gates === undefined ? '' : `gate ${gates.join(', ')}`].filter(Boolean).join('; ')), 'dim'),
  ];
};

const approvalText = ({ approval, answers = [] }: StepView): string => {
  if (approval === undefined) return '';
  const said = answers.map(({ decision, by }) => `${decision} by ${by}`).join(', ');
  return said === '' ? `needs ${approval}` : `needs ${approval} (${said})`;
};

/**
 * One line for each gate; below it what one says that does not pass, and what it can find. On narrow terminals the least
 * telling columns go.
 */
export const gateLines = ({ gates, versions, message, step }: RolloutView, { width, marks }: Sizes): readonly Line[] => {
  const rows = fittingLines(
    gates.map(gate => gateCells(gate, versions.stable, marks)),
    { width, indent: INDENT, drop: [6, 5, 2, 4] },
  );
  return gates.flatMap((gate, index) => [rows[index] ?? [], ...below(gate, message, step !== undefined).map(beneath)]);
};

const gateCells = (gate: GateView, stable: string | undefined, marks: Marks): readonly Cell[] => {
  const { name, verdict, value, limit, baseline, samples } = gate;
  const tone = VERDICT_TONES[verdict];
  return [
    cell(marks.verdict[verdict], tone),
    cell(plain(name)),
    cell(verdict, tone),
    cell(value ?? '-'),
    cell(limit ?? ''),
    cell(baseline === undefined ? '' : plain(`${stable ?? 'stable'} ${baseline}`), 'dim'),
    cell(samples ?? '', 'dim'),
  ];
};

const TELLING: readonly GateView['verdict'][] = ['Fail', 'Error', 'NoData'];

/** What the sentence of the Rollout says already is not repeated; what could be found counts while something is looked for. */
const below = ({ verdict, message, detects = '' }: GateView, said: string, isMeasured: boolean): readonly string[] =>
  [TELLING.includes(verdict) && !said.includes(message) ? message : '', isMeasured ? detects : ''].filter(text => text !== '');

const beneath = (text: string): Line => [{ text: `${' '.repeat(INDENT + 3)}${plain(text)}`, tone: 'dim' }];

export const podLines = (pods: PodsView, { width }: { readonly width: number }): readonly Line[] => {
  if ('problem' in pods) return [[{ text: ' '.repeat(INDENT) }, { text: plain(pods.problem), tone: 'dim' }]];
  if (pods.versions.length === 0) return [[{ text: ' '.repeat(INDENT) }, { text: 'none', tone: 'dim' }]];
  return fittingLines(pods.versions.map(podCells), { width, indent: INDENT, drop: [1] });
};

const podCells = ({ version, role, ready, total, restarts, troubles }: VersionPods): readonly Cell[] => {
  const isWhole = ready === total && total > 0;
  const notes = [
    ...troubles.map(({ reason, pods }) => (pods === 1 ? reason : `${reason} in ${pods}`)),
    ...(restarts === 0 ? [] : [`${restarts} restart${restarts === 1 ? '' : 's'}`]),
  ];
  return [
    cell(plain(version)),
    cell(role ?? '', 'dim'),
    cell(total === 0 ? 'no pods' : `${ready}/${total} ready`, isWhole ? 'good' : role === undefined ? 'dim' : 'warn'),
    cell(plain(notes.join(', ')), 'warn'),
  ];
};

const COMMAND = /^(.*?): (sluice .*|kubectl .*)$/;

/** A command stands whole where it fits; else in lines of its own that can be pasted together. */
export const todoLines = (todo: readonly string[], { width }: { readonly width: number }): readonly Line[] =>
  todo.flatMap(line => {
    const text = plain(line);
    const whole: Line = [{ text: `  ${text}` }];
    const [, words, command] = COMMAND.exec(text) ?? [];
    if (words === undefined || command === undefined) return wrap(text, width - INDENT).map(part => [{ text: `  ${part}` }]);
    if (lineWidth(whole) <= width) return [[{ text: `  ${words}: ` }, { text: command, tone: 'strong' as const }]];
    const parts = wrap(command, width - 6);
    return [
      [{ text: `  ${words}:` }],
      ...parts.map((part, index): Line => [{ text: `    ${part}${index === parts.length - 1 ? '' : ' \\'}`, tone: 'strong' }]),
    ];
  });
