import { colours } from './colours.ts';
import type { Line, Span, Tone } from './text.ts';

const PAINT: Readonly<Record<Tone, (text: string) => string>> = {
  strong: colours.bold,
  dim: colours.dim,
  good: colours.green,
  warn: colours.yellow,
  bad: colours.red,
  busy: colours.cyan,
};

const paintSpan = ({ text, tone }: Span): string => (tone === undefined ? text : PAINT[tone](text));

/** A line with the colours that the terminal has; none in pipes and files. */
export const paint = (line: Line): string => line.map(paintSpan).join('').trimEnd();

/** The same without colours. */
export const textOf = (line: Line): string =>
  line
    .map(({ text }) => text)
    .join('')
    .trimEnd();
