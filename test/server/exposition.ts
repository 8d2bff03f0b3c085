/** One series of Prometheus' text format. */
type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number };

type Exposition = { readonly types: ReadonlyMap<string, string>; readonly samples: readonly Sample[] };

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([^\s{]+)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;

const failure = (line: string, expected: string): Error => new Error(`reading ${JSON.stringify(line)}: expected ${expected}`);

/** Reads the text format strictly: each metric once, with help and type before its samples, no series twice. Throws an Error. */
export const parseExposition = (text: string): Exposition => {
  if (!text.endsWith('\n')) throw failure(text.slice(-40), 'a newline at the end');
  const helped = new Set<string>();
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let family = '';
  for (const line of text.split('\n').filter(Boolean)) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (helped.has(name) || !NAME.test(name)) throw failure(line, 'help once for each metric');
      helped.add(name);
    } else if (keyword === 'TYPE') {
      if (types.has(name) || !helped.has(name)) throw failure(line, 'a type once for each metric, after its help');
      if (!['counter', 'gauge', 'histogram', 'summary'].includes(rest)) throw failure(line, 'a known type');
      types.set(name, rest);
      family = name;
    } else {
      const sample = parseSample(line);
      if (!namesOf(family, types.get(family)).includes(sample.name)) throw failure(line, `a sample of ${family}`);
      const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw failure(line, 'each series once');
      seen.add(key);
      samples.push(sample);
    }
  }
  return { types, samples };
};

const namesOf = (family: string, type: string | undefined): readonly string[] =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map(ending => family + ending) : [family];

const parseSample = (line: string): Sample => {
  const [, name = '', list = '', number = ''] = SAMPLE.exec(line) ?? [];
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
  if (!NAME.test(name) || (Number.isNaN(value) && !/^nan$/i.test(number))) throw failure(line, 'a sample');
  const pairs = [...list.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text = '']) => [label, text] as const);
  if (new Set(pairs.map(([label]) => label)).size !== pairs.length) throw failure(line, 'each label once');
  return { name, labels: Object.fromEntries(pairs), value };
};
