/**
 * How a value gets into a message of one channel so that it is nothing but text there. What comes out of `text`, `command`
 * and `url` is what `bold`, `code` and `link` take.
 */
export type Channel = {
  /** A value of one line, made harmless, of at most so many characters before; default 700. */
  text(value: string, mostCharacters?: number): string;
  /** A command that people paste: as it stands, but harmless between the marks of `code`. */
  command(value: string): string;
  /** An http(s) address; empty for anything else. */
  url(value: string): string;
  /** What stands in the template itself; its line ends stay. */
  literal(written: string): string;
  bold(text: string): string;
  code(text: string): string;
  link(title: string, url: string): string;
  /** More does not fit into one message. */
  readonly mostCharacters: number;
};

export type ChannelName = 'slack' | 'text';

/** Of one value; the status says more. */
const MOST_CHARACTERS = 700;

/** One line without control characters, marks that turn the direction of writing, and halves of characters. */
const oneLine = (value: string, mostCharacters = MOST_CHARACTERS): string => {
  const line = value
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\p{Cf}]/gu, '')
    .trim();
  const short = line.length > mostCharacters ? `${line.slice(0, mostCharacters - 1)}…` : line;
  return short.replace(/\p{Cs}/gu, '\ufffd');
};

const addressOf = (value: string): string => {
  if (!URL.canParse(value)) return '';
  const { protocol, href } = new URL(value);
  return protocol === 'http:' || protocol === 'https:' ? href : '';
};

const text: Channel = {
  text: oneLine,
  command: value => oneLine(value),
  url: addressOf,
  literal: written => written,
  bold: value => value,
  code: value => value,
  link: (title, url) => (title === '' ? url : `${title}: ${url}`),
  mostCharacters: 8_000,
};

const escaped = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Nobody sees it, and nothing is recognized across it. */
const JOINER = '\u2060';

/**
 * Slack reads `<...>` as mentions and links, which escaping ends; it also takes bare `@here`, `#channel` and addresses for
 * such, depending on how a message is posted, and `:name:` for a picture, and has no escape for its marks, so that those
 * become lookalikes.
 */
const slackText = (value: string, mostCharacters?: number): string =>
  escaped(withoutMarks(oneLine(value, mostCharacters).replace(/^>+/, '›')))
    .replace(/(^|[^\w.+-])([@#])(?=[\p{L}\p{N}_])/gu, `$1$2${JOINER}`)
    .replace(/:\/\//g, `:${JOINER}//`)
    .replace(/(www)\./gi, `$1${JOINER}.`)
    .replace(/:(?=[\w+'-]*[a-z][\w+'-]*:)/gi, `:${JOINER}`);

/** An underscore within a word is no mark. */
const withoutMarks = (value: string): string =>
  value
    .replace(/`/g, "'")
    .replace(/\*/g, '∗')
    .replace(/~/g, '∼')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, 'ˍ');

const slack: Channel = {
  text: slackText,
  command: value => escaped(oneLine(value)).replace(/`/g, "'"),
  url: value => escaped(addressOf(value).replace(/[|<>\s]/g, encodeURIComponent)),
  literal: escaped,
  bold: value => (value === '' ? '' : `*${value}*`),
  code: value => (value === '' ? '' : `\`${value}\``),
  link: (title, url) => (url === '' ? title : `<${url}|${title === '' ? 'link' : title}>`),
  // A section takes 3,000.
  mostCharacters: 2_900,
};

export const CHANNELS: Readonly<Record<ChannelName, Channel>> = { slack, text };
