import { type Compared, isBlocked } from './compared.ts';
import { code, details, fenced, plain, table } from './markdownText.ts';
import { beginText, endText, MOST_SPANS, podsText, type Report, spanText } from './report.ts';
import { approvalText, askedOf, figure, findsText, stayText, trafficText } from './words.ts';

/** For the description of a pull request, or a comment on it: the short of it first, and the rest to be opened. */
export const asMarkdown = (report: Report): string => {
  const { compared, closed, notes } = report;
  const blocks = [
    `### Plan: ${code(report.name)} ${code(report.version)}`,
    ...(compared === undefined ? [] : [summaryOf(compared)]),
    stepsSentence(report),
    list([...troubles(report)]),
    ...(compared === undefined || compared.changes.length === 0
      ? []
      : [`**What changes** (${plain(compared.with)})\n\n${list(compared.changes.map(plain))}`]),
    stepsTable(report),
    gateDetails(report),
    meshDetails(compared),
    ...(closed.length === 0 ? [] : [closedDetails(report)]),
    details('Notes', [list(notes.map(plain))]),
  ];
  return `${blocks.filter(block => block !== '').join('\n\n')}\n`;
};

const summaryOf = (compared: Compared): string =>
  [
    ...(isBlocked(compared) ? ['**It could not work as things stand.**'] : []),
    ...(compared.outlook === undefined ? [] : [`${plain(compared.outlook.text)}.`]),
    ...(compared.pods === undefined ? [] : [`Ready pods: ${plain(podsText(compared.pods))}.`]),
    ...(compared.freeze === undefined ? [] : [`**Frozen:** ${plain(compared.freeze)}.`]),
  ].join(' ');

const stepsSentence = (report: Report): string => {
  const { foreseen, assumed } = report;
  const rate = assumed.perSecond === undefined ? '' : `, with ${figure(assumed.perSecond)} requests/s`;
  return `${foreseen.steps.length} steps${rate}; ${plain(endText(report))}.`;
};

const troubles = ({ compared, warnings }: Report): readonly string[] => [
  ...(compared?.problem === undefined ? [] : [`**Error**: ${plain(compared.problem)}`]),
  ...(compared?.findings ?? []).map(
    ({ severity, object, message, code: name }) =>
      `**${severity === 'error' ? 'Error' : 'Warning'}**, ${code(object)}: ${plain(message)} (${code(name)})`,
  ),
  ...warnings.map(({ step, gate, message }) => `**Warning**, step ${step}, ${code(gate)}: ${plain(message)}`),
];

const list = (items: readonly string[]): string => items.map(item => `- ${item}`).join('\n');

const stepsTable = (report: Report): string => {
  const areTimesTold = report.begins.length > 0;
  return table(
    ['step', 'traffic', 'lasts', ...(areTimesTold ? ['begins at the earliest'] : []), 'people'],
    report.foreseen.steps.map(entry => {
      const { step, number } = entry;
      return [
        `${number}${step.name === undefined ? '' : ` ${code(step.name)}`}`,
        plain(trafficText(step)),
        plain(stayText(entry)),
        ...(areTimesTold ? [plain((beginText(report, number) ?? '').replace(/^from /, ''))] : []),
        plain(approvalText(step) ?? (step.pauseMs === null ? 'promote' : '')),
      ];
    }),
  );
};

const gateDetails = ({ foreseen }: Report): string =>
  details('Gates, and what they can find', [
    table(
      ['gate', 'asks'],
      foreseen.plan.gates.map(gate => [code(gate.name), plain(askedOf(gate))]),
    ),
    table(
      ['step', 'gate', 'what it can find'],
      foreseen.steps.flatMap(({ number, gates }) =>
        gates.map(entry => [String(number), code(entry.gate.name), plain(findsText(entry))]),
      ),
    ),
  ]);

const meshDetails = (compared: Compared | undefined): string =>
  details(
    'Routing objects',
    (compared?.moved ?? []).flatMap(({ when, objects }) => [
      `**${plain(when)}**`,
      ...objects.flatMap(({ object, diff }) => [code(object), fenced('diff', diff)]),
    ]),
  );

const closedDetails = ({ closed }: Report): string =>
  details('Times of the next 7 days in which nothing moves forward', [
    list([
      ...closed.slice(0, MOST_SPANS).map(span => `${plain(spanText(span))}: ${code(span.because)}`),
      ...(closed.length > MOST_SPANS ? [`and ${closed.length - MOST_SPANS} more`] : []),
    ]),
  ]);
