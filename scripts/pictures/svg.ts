import type { Film, Run, Stretch } from './film.ts';

/** CSS pixels. */
const CELL = { width: 8.4, height: 19 } as const;
const EDGE = 14;
const TITLE_HEIGHT = 34;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const short = (value: number): string => String(Number(value.toFixed(2)));

/** Names for what occurs often: colours and times are written once. */
function createNames(prefix: string) {
  const names = new Map<string, string>();
  return {
    of: (value: string): string => {
      const known = names.get(value) ?? `${prefix}${names.size}`;
      names.set(value, known);
      return known;
    },
    entries: () => [...names],
  };
}

type Names = ReturnType<typeof createNames>;

const classOf = ({ colour, bold, dim }: Run, colours: Names): string =>
  [...(colour === undefined ? [] : [colours.of(colour)]), ...(bold ? ['b'] : []), ...(dim ? ['d'] : [])].join(' ');

/** Each run stands at its column and is as wide as its cells, whatever font there is. */
function runText(run: Run, colours: Names): string {
  const cells = [...run.text].length;
  const name = classOf(run, colours);
  const look = name === '' ? '' : ` class="${name}"`;
  const width = cells === 1 ? '' : ` textLength="${short(cells * CELL.width)}" lengthAdjust="spacingAndGlyphs"`;
  return `<tspan x="${short(run.column * CELL.width)}"${width}${look}>${escaped(run.text)}</tspan>`;
}

const percent = (ms: number, film: Film): string => `${short((100 * ms) / film.lengthMs)}%`;

/** When something is seen, as keyframes; nothing for what is seen from the beginning to the end. */
function seenAt({ fromMs, toMs }: Stretch, film: Film): string {
  const isLast = toMs >= film.lengthMs;
  const end = isLast ? '' : `${percent(toMs, film)}{opacity:0}`;
  return fromMs <= 0 ? `0%{opacity:1}${end}` : `0%{opacity:0}${percent(fromMs, film)}{opacity:1}${end}`;
}

function line(stretch: Stretch, film: Film, names: { readonly colours: Names; readonly times: Names }): string {
  const { runs, fromMs, toMs } = stretch;
  const isLast = toMs >= film.lengthMs;
  const isAlways = fromMs <= 0 && isLast;
  const time = isAlways ? '' : names.times.of(seenAt(stretch, film));
  // who wants no motion sees the last picture
  const name = [time, isLast ? '' : 'g'].filter(part => part !== '').join(' ');
  const y = short((stretch.line + 0.75) * CELL.height);
  return `<text y="${y}"${name === '' ? '' : ` class="${name}"`}>${runs.map(run => runText(run, names.colours)).join('')}</text>`;
}

function scrolling(film: Film): string {
  const at = (top: number) => `{transform:translateY(${short(-top * CELL.height)}px)}`;
  return `@keyframes s{0%${at(0)}${film.tops.map(top => `${percent(top.atMs, film)}${at(top.line)}`).join('')}}`;
}

function styleOf(film: Film, { colours, times }: { readonly colours: Names; readonly times: Names }): string {
  const length = `${short(film.lengthMs / 1000)}s`;
  const last = film.tops.at(-1)?.line ?? 0;
  return [
    `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9;white-space:pre}`,
    `.b{font-weight:700}.d{fill-opacity:.75}.g{opacity:0}.s{transform:translateY(${short(-last * CELL.height)}px)}`,
    ...colours.entries().map(([colour, name]) => `.${name}{fill:${colour}}`),
    '@media (prefers-reduced-motion:no-preference){',
    film.tops.length === 0 ? '' : `${scrolling(film)}.s{animation:s ${length} step-end infinite}`,
    ...times
      .entries()
      .map(([frames, name]) => `@keyframes ${name}{${frames}}.${name}{animation:${name} ${length} step-end infinite}`),
    '}',
  ].join('');
}

/** What stands there in the end, for those who cannot see it. */
function lastWords({ stretches, lengthMs }: Film): string {
  const last = stretches.filter(({ toMs }) => toMs >= lengthMs).sort((a, b) => a.line - b.line);
  return last.map(({ runs }) => runs.map(({ text }) => text).join(' ')).join('\n');
}

/** A film as one SVG that plays by itself, again and again; it brings its own background. */
export function svgOf(film: Film, title: string): string {
  const names = { colours: createNames('c'), times: createNames('t') };
  const lines = film.stretches.map(stretch => line(stretch, film, names)).join('\n');
  const [width, height] = [film.columns * CELL.width + 2 * EDGE, film.rows * CELL.height + TITLE_HEIGHT + EDGE];
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, at) => `<circle cx="${20 + at * 18}" cy="17" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${short(width)} ${short(height)}" width="${short(width)}" height="${short(height)}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(lastWords(film))}</desc>
<style>${styleOf(film, names)}</style>
<rect width="100%" height="100%" rx="10" fill="#0d1117"/><rect x=".5" y=".5" width="${short(width - 1)}" height="${short(height - 1)}" rx="10" fill="none" stroke="#6e7681"/>
${dots.join('')}<text x="${short(width / 2)}" y="22" text-anchor="middle">${escaped(film.command)}</text>
<svg x="${EDGE}" y="${TITLE_HEIGHT}" width="${short(width - 2 * EDGE)}" height="${short(film.rows * CELL.height)}"><g class="s">
${lines}
</g></svg>
</svg>
`;
}
