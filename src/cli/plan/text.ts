import { colours } from '../terminal/colours.ts';
import type { Compared } from './compared.ts';
import type { ForeseenStep } from './foresee.ts';
import type { MovedMesh } from './meshDiff.ts';
import { beginText, endText, MOST_SPANS, podsText, type Report, spanText } from './report.ts';
import type { Warning } from './warnings.ts';
import { approvalText, askedOf, figure, findsText, stayText, trafficText } from './words.ts';

/** For people at a terminal. */
export const asText = (report: Report): string => {
  const { foreseen, assumed, compared, notes } = report;
  const rate = assumed.perSecond === undefined ? '' : `, with ${figure(assumed.perSecond)} requests/s`;
  const width = Math.max(0, ...foreseen.plan.gates.map(({ name }) => name.length));
  const lines = [
    `${report.name} ${report.version}: ${foreseen.steps.length} steps${rate}; ${endText(report)}`,
    ...(compared === undefined ? [] : ['', ...comparedLines(compared)]),
    '',
    'gates',
    ...foreseen.plan.gates.map(gate => `  ${gate.name.padEnd(width)}  ${askedOf(gate)}`),
    ...(foreseen.plan.gates.length === 0 ? ['  none: only readiness protects this rollout'] : []),
    ...foreseen.steps.flatMap(step => ['', ...stepLines(step, report, width)]),
    ...movedLines(compared?.moved ?? []),
    ...closedLines(report),
    ...troubleLines(report),
    ...(notes.length === 0 ? [] : ['', ...notes.map(note => `note: ${note}`)]),
  ];
  return lines.map(line => `${line.trimEnd()}\n`).join('');
};

const comparedLines = ({ with: against, outlook, changes, pods, freeze }: Compared): readonly string[] => [
  `compared with ${against}`,
  ...(outlook === undefined ? [] : [`  ${outlook.text}`]),
  ...(pods === undefined ? [] : [`  ready pods: ${podsText(pods)}`]),
  ...(freeze === undefined ? [] : [`  ${freeze}`]),
  ...(changes.length === 0 ? [] : ['', 'changes', ...changes.map(change => `  ${change}`)]),
];

const stepLines = (foreseen: ForeseenStep, report: Report, width: number): readonly string[] => {
  const { step, number, newPerSecond, gates } = foreseen;
  const name = step.name === undefined ? '' : ` ${step.name}`;
  const rate = newPerSecond === undefined || newPerSecond === 0 ? '' : `; ${figure(newPerSecond)} requests/s of the new version`;
  const begins = beginText(report, number);
  const approval = approvalText(step);
  return [
    `step ${number}/${report.foreseen.steps.length}${name} ${trafficText(step)}: ${stayText(foreseen)}${rate}${begins === undefined ? '' : `; ${begins}`}`,
    ...(approval === undefined ? [] : [`  ${approval}`]),
    ...gates.map(gate => `  ${gate.gate.name.padEnd(width)}  ${findsText(gate)}`),
  ];
};

const movedLines = (moved: readonly MovedMesh[]): readonly string[] =>
  moved.length === 0
    ? []
    : [
        '',
        'routing objects',
        ...moved.flatMap(({ when, objects }) => [
          `  ${when}`,
          ...objects.flatMap(({ object, diff }) => [`    ${object}`, ...diff.map(line => `      ${coloured(line)}`)]),
        ]),
      ];

const coloured = (line: string): string => {
  if (line.startsWith('+')) return colours.green(line);
  if (line.startsWith('-')) return colours.red(line);
  return line.startsWith('@@') ? colours.dim(line) : line;
};

const closedLines = ({ closed }: Report): readonly string[] =>
  closed.length === 0
    ? []
    : [
        '',
        'nothing moves forward in these times of the next 7 days (spec.windows)',
        ...closed.slice(0, MOST_SPANS).map(span => `  ${spanText(span)}  ${span.because}`),
        ...(closed.length > MOST_SPANS ? [`  and ${closed.length - MOST_SPANS} more`] : []),
      ];

const troubleLines = ({ compared, warnings }: Report): readonly string[] => {
  const lines = [
    ...(compared?.problem === undefined ? [] : [`error: ${compared.problem}`]),
    ...(compared?.findings ?? []).map(({ severity, object, message, code }) => `${severity}: ${object}: ${message} (${code})`),
    ...warnings.map(warningText),
  ];
  return lines.length === 0 ? [] : ['', ...lines];
};

const warningText = ({ step, gate, message }: Warning): string => `warning: step ${step}, ${gate}: ${message}`;
