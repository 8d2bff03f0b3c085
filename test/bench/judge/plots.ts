import { type Share, wilson } from './figures.ts';

/** Plain SVG with axes and units, readable on light and on dark ground. */
export type Axis = {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly isLogarithmic?: boolean;
  readonly ticks: readonly (readonly [value: number, text: string])[];
};

type Point = readonly [x: number, y: number];
export type Line = { readonly name: string; readonly points: readonly Point[]; readonly isStepped?: boolean };

const WIDTH = 760;
/** Mid tones, told apart by people who see colours differently too; drawn with different dashes besides. */
const COLORS = ['#0a84d6', '#d55e00', '#e69f00', '#009e73', '#7cb342', '#a05195', '#8d6e63', '#607d8b'] as const;
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 4', '12 4', '1 4', '6 2 1 2'] as const;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const at = (value: number): string => value.toFixed(1);

const document = (height: number, title: string, content: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<style>text{fill:#57606a}.axis{stroke:#8c959f}.grid{stroke:#8c959f;stroke-opacity:.25}.bar{fill-opacity:.75}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>',
    `<text x="10" y="18" font-size="14" font-weight="600">${escaped(title)}</text>`,
    ...content,
    '</svg>',
    '',
  ].join('\n');

/** Shares in percent with their 95 % confidence intervals, one bar each. `targetPercent`: a line to stay below. */
export const barPlot = (
  title: string,
  axisLabel: string,
  bars: readonly { readonly name: string; readonly share: Share }[],
  targetPercent: number,
): string => {
  const [left, top, step] = [250, 34, 30];
  const width = WIDTH - left - 120;
  const bottom = top + step * bars.length;
  const x = (share: number): number => left + width * share;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap(share => [
    `<line class="grid" x1="${at(x(share))}" y1="${top}" x2="${at(x(share))}" y2="${bottom}"/>`,
    `<text x="${at(x(share))}" y="${bottom + 16}" text-anchor="middle">${100 * share}</text>`,
  ]);
  const target = x(targetPercent / 100);
  const rows = bars.flatMap(({ name, share: counted }, i) => {
    const { share, low, high } = wilson(counted);
    const y = top + step * i + step / 2;
    return [
      `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="bar" x="${left}" y="${y - 8}" width="${at(Math.max(0.5, x(share) - left))}" height="16" fill="${COLORS[i % COLORS.length]}"/>`,
      `<path class="axis" fill="none" stroke-width="1.5" d="M${at(x(low))} ${y - 5}v10m0 -5H${at(x(high))}m0 -5v10"/>`,
      `<text x="${at(x(high) + 8)}" y="${y + 4}">${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %</text>`,
    ];
  });
  return document(bottom + 44, title, [
    ...grid,
    `<line x1="${at(target)}" y1="${top}" x2="${at(target)}" y2="${bottom}" stroke="#cf222e" stroke-dasharray="4 3"/>`,
    `<line class="axis" x1="${left}" y1="${top}" x2="${left}" y2="${bottom}"/>`,
    ...rows,
    `<text x="${left + width / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(axisLabel)}; red: ${targetPercent} %</text>`,
  ]);
};

/** Lines over two axes, with a legend below. */
export const linePlot = (title: string, xAxis: Axis, yAxis: Axis, lines: readonly Line[]): string => {
  const [left, top, right, bottom] = [70, 34, WIDTH - 36, 334];
  const x = (value: number): number => left + (right - left) * partOf(xAxis, value);
  const y = (value: number): number => bottom - (bottom - top) * partOf(yAxis, value);
  const grid = [
    ...xAxis.ticks.flatMap(([value, text]) => [
      `<line class="grid" x1="${at(x(value))}" y1="${top}" x2="${at(x(value))}" y2="${bottom}"/>`,
      `<text x="${at(x(value))}" y="${bottom + 16}" text-anchor="middle">${escaped(text)}</text>`,
    ]),
    ...yAxis.ticks.flatMap(([value, text]) => [
      `<line class="grid" x1="${left}" y1="${at(y(value))}" x2="${right}" y2="${at(y(value))}"/>`,
      `<text x="${left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${escaped(text)}</text>`,
    ]),
  ];
  const drawn = lines.flatMap(({ points, isStepped }, i) => {
    const style = `fill="none" stroke="${COLORS[i % COLORS.length]}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"`;
    const path = points.map(([px, py], j) => {
      if (j === 0) return `M${at(x(px))} ${at(y(py))}`;
      return isStepped ? `H${at(x(px))}V${at(y(py))}` : `L${at(x(px))} ${at(y(py))}`;
    });
    const dots = points.length > 12 ? [] : points.map(([px, py]) => dot(x(px), y(py), i));
    return [`<path ${style} d="${path.join('')}"/>`, ...dots];
  });
  const legend = lines.map(({ name }, i) => {
    const [lx, ly] = [left + (i % 2) * 340, bottom + 60 + 18 * Math.floor(i / 2)];
    return `<path d="M${lx} ${ly - 4}h28" stroke="${COLORS[i % COLORS.length]}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"/><text x="${lx + 36}" y="${ly}">${escaped(name)}</text>`;
  });
  return document(bottom + 70 + 18 * Math.ceil(lines.length / 2), title, [
    ...grid,
    `<path class="axis" fill="none" d="M${left} ${top}V${bottom}H${right}"/>`,
    ...drawn,
    `<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(xAxis.label)}</text>`,
    `<text transform="translate(16 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yAxis.label)}</text>`,
    ...legend,
  ]);
};

const dot = (x: number, y: number, i: number): string =>
  `<circle cx="${at(x)}" cy="${at(y)}" r="3" fill="${COLORS[i % COLORS.length]}"/>`;

const partOf = ({ from, to, isLogarithmic }: Axis, value: number): number => {
  const inside = Math.min(to, Math.max(from, value));
  return isLogarithmic ? Math.log(inside / from) / Math.log(to / from) : (inside - from) / (to - from);
};
