/** Slack takes no longer text in one section. */
const MOST_IN_SECTION = 3_000;
/** What is longer than this many sections is cut: nobody reads it in a chat. */
const MOST_SECTIONS = 5;

/** Text as it stands, where Slack would see a mention, a channel or a link otherwise. */
export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** One line of free text, without control characters and marks that turn the line around, of at most so many characters. */
export const oneLine = (text: string, most: number): string => {
  const line = text
    .slice(0, 4 * most)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  return line.length <= most ? line : `${withoutHalf(line.slice(0, most - 1))}…`;
};

/** A character of two halves is not cut in the middle. */
const withoutHalf = (text: string): string => text.replace(/[\uD800-\uDBFF]$/, '');

/** Text in Slack's markup as pieces that fit into sections, broken between lines where that is possible. */
export const pieces = (markup: string): readonly string[] => {
  const all: string[] = [];
  for (let rest = markup.trim(); rest !== ''; ) {
    if (all.length === MOST_SECTIONS) return [...all.slice(0, -1), `${cut(all.at(-1) ?? '', MOST_IN_SECTION - 2)}\n…`];
    const piece = rest.length <= MOST_IN_SECTION ? rest : cut(rest, MOST_IN_SECTION);
    all.push(piece);
    rest = rest.slice(piece.length).trim();
  }
  return all;
};

/** The beginning of a text, up to the end of a line or of a word; never the half of an entity, a link or a character. */
export const cut = (markup: string, most: number): string => {
  if (markup.length <= most) return markup;
  const start = withoutHalf(markup.slice(0, most));
  const whole = start.replace(/<[^<>]*$/, '').replace(/&[a-z]{0,4}$/, '');
  const end = Math.max(whole.lastIndexOf('\n'), whole.length > most / 2 ? whole.lastIndexOf(' ') : -1);
  if (end > most / 2) return whole.slice(0, end);
  return whole === '' ? start : whole;
};
