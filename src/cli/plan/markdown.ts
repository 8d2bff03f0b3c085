import { endText, type Report } from './report.ts';
import { approvalText, askedOf, figure, findsText, stayText, trafficText } from './words.ts';

/** For the description of a pull request, or a comment on it. */
export const asMarkdown = (report: Report): string => {
  const { foreseen, assumed, warnings, notes } = report;
  const rate = assumed.perSecond === undefined ? '' : ` With ${figure(assumed.perSecond)} requests/s:`;
  const blocks = [
    `### Plan: ${cell(report.name)} ${cell(report.version)}`,
    `${foreseen.steps.length} steps;${rate} ${endText(report)}.`,
    ...(warnings.length === 0
      ? []
      : [
          warnings
            .map(({ step, gate, message }) => `- **Warning**, step ${step}, \`${cell(gate)}\`: ${cell(message)}`)
            .join('\n'),
        ]),
    table(
      ['step', 'traffic', 'lasts', 'people'],
      foreseen.steps.map(entry => [
        `${entry.number}${entry.step.name === undefined ? '' : ` ${entry.step.name}`}`,
        trafficText(entry.step),
        stayText(entry),
        approvalText(entry.step) ?? (entry.step.pauseMs === null ? 'promote' : ''),
      ]),
    ),
    table(
      ['gate', 'asks'],
      foreseen.plan.gates.map(gate => [`\`${gate.name}\``, askedOf(gate)]),
    ),
    table(
      ['step', 'gate', 'what it can find'],
      foreseen.steps.flatMap(({ number, gates }) =>
        gates.map(entry => [String(number), `\`${entry.gate.name}\``, findsText(entry)]),
      ),
    ),
    ...(notes.length === 0 ? [] : [notes.map(note => `- ${cell(note)}`).join('\n')]),
  ];
  return `${blocks.filter(block => block !== '').join('\n\n')}\n`;
};

/** Nothing for a table without rows. */
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : [heads, heads.map(() => '---'), ...rows].map(row => `| ${row.map(cell).join(' | ')} |`).join('\n');

/** Names and texts of people must not become part of the page's form. */
const cell = (text: string): string =>
  text
    .replace(/[\p{C}\u2028\u2029]+/gu, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
