import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createFileChecker } from '../src/adapters/spec/check.ts';
import { checkTemplate, createRenderer } from '../src/adapters/templates/render.ts';
import { REASONS } from '../src/rollout/index.ts';

/** Documentation and code say the same. */

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const filesIn = (folder: string, ending: RegExp): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && ending.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .sort();

const pages = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', ...filesIn('docs', /\.md$/), ...filesIn('examples', /\.md$/)];
const blocks = (page: string, language: string): readonly string[] =>
  [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, text = '']) => (of === language ? [text] : []));
/** Everything that is written as code: blocks without a language, and spans. */
const codeOf = (page: string): readonly string[] => [
  ...blocks(page, ''),
  ...[
    ...read(page)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, text = '']) => text),
];
/** Cells of the table rows whose first cell is a code span. */
const rowsOf = (page: string): readonly (readonly string[])[] =>
  read(page)
    .split('\n')
    .filter(line => /^\| +`/.test(line))
    .map(line =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(cell => cell.trim()),
    );

const check = createFileChecker({ render: createRenderer(), check: checkTemplate });
/** What `sluice validate` says against the Rollouts of a text. */
const problemsOf = (text: string, file: string): readonly string[] => {
  const { found, problems } = check(text, file);
  const errors = problems.filter(({ severity }) => severity === 'error');
  return [...(found === 0 ? ['no Rollout'] : []), ...errors.map(({ line, path, message }) => `line ${line}: ${path} ${message}`)];
};

describe('examples', () => {
  const manifests = filesIn('examples', /\.ya?ml$/);
  const rollouts = manifests.filter(file => /^kind: Rollout$/m.test(read(file)));

  it('each folder has a page and a Rollout', () => {
    const folders = readdirSync(join(root, 'examples'));
    expect(folders.filter(folder => !pages.includes(`examples/${folder}/README.md`))).toEqual([]);
    expect(folders.filter(folder => !rollouts.some(file => file.startsWith(`examples/${folder}/`)))).toEqual([]);
  });

  it.each(rollouts)('%s is valid', file => {
    expect(problemsOf(read(file), file)).toEqual([]);
  });

  it.each(manifests)('%s is named on its page', file => {
    const [top = '', folder = '', ...rest] = file.split('/');
    expect(read(join(top, folder, 'README.md'))).toContain(rest.join('/'));
  });
});

describe('YAML in the documentation', () => {
  const yaml = pages.flatMap(page => blocks(page, 'yaml').map((text, index) => ({ name: `${page}, block ${index + 1}`, text })));

  // Argo's kind has the same name
  const isOurs = (text: string): boolean => /^apiVersion: sluice\.dev\/.*\nkind: Rollout$/m.test(text);

  it.each(yaml.filter(({ text }) => isOurs(text)))('$name is a valid Rollout', ({ name, text }) => {
    expect(problemsOf(text, name)).toEqual([]);
  });

  it.each(yaml.filter(({ text }) => text.startsWith('spec:')))('$name is a valid part of a Rollout', ({ name, text }) => {
    const strategy = { canary: { steps: [{ setWeight: 50, pause: { duration: '5m' } }] } };
    const { spec } = parse(text) as { readonly spec: object };
    const rollout = {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'forecast', namespace: 'weather' },
      spec: { version: 'v2', strategy, ...spec },
    };
    expect(problemsOf(stringify(rollout), name)).toEqual([]);
  });
});

describe('commands in the documentation', () => {
  const commands = filesIn('src/cli', /\.ts$/).flatMap(file =>
    [...read(file).matchAll(/new Command\('(\w+)'\)/g)].map(([, name = '']) => name),
  );
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };

  it('sluice has the commands that are named', () => {
    const named = pages.flatMap(page =>
      codeOf(page).flatMap(code =>
        [...code.matchAll(/(?:^|[\s|(])(?:sluice|node dist\/sluice\.js|kubectl sluice) ([a-z]+)/gm)].map(([, name = '']) => name),
      ),
    );
    expect(named).toContain('validate');
    expect(named.filter(name => !commands.includes(name))).toEqual([]);
  });

  it('npm has the scripts that are named', () => {
    const named = pages.flatMap(page =>
      codeOf(page).flatMap(code => [...code.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name)),
    );
    expect(named).toContain('demo');
    expect(named.filter(name => scripts[name] === undefined)).toEqual([]);
  });
});

describe('links', () => {
  it.each(pages)('%s leads only to what exists', page => {
    const targets = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const missing = targets.filter(target => {
      const [path = '', anchor] = target.split('#');
      if (/^https:/.test(target)) return false;
      const file = path === '' ? join(root, page) : join(root, dirname(page), path);
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor));
    });
    expect(missing).toEqual([]);
  });

  const anchorsOf = (text: string): readonly string[] =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );

  it.each(filesIn('docs', /\.md$/))('%s is reached from the README or another page', page => {
    const others = pages.filter(other => other !== page);
    const name = page.slice(page.lastIndexOf('/') + 1);
    expect(others.some(other => read(other).includes(`${name})`) || read(other).includes(`${name}#`))).toBe(true);
  });
});

describe('pictures', () => {
  const pictures = filesIn('docs/pictures', /\.(?:png|svg)$/);
  const recordings = pictures.filter(picture => picture.endsWith('.svg'));

  it('there are some, and each is shown on a page, with words for those who do not see it', () => {
    expect(pictures.length).toBeGreaterThan(5);
    const shown = pages.flatMap(page =>
      [...read(page).matchAll(/!\[([^\]]{20,})\]\(([^)\s]+)\)/g)].map(([, , target = '']) => join(dirname(page), target)),
    );
    expect(pictures.filter(picture => !shown.includes(picture))).toEqual([]);
  });

  it('none makes its page slow to load', () => {
    const most = (picture: string): number => (picture.endsWith('.svg') ? 300_000 : 200_000);
    expect(pictures.filter(picture => statSync(join(root, picture)).size > most(picture))).toEqual([]);
  });

  it.each(recordings)('%s says what it shows, and needs nothing of elsewhere', picture => {
    const text = read(picture);
    expect(text).toMatch(/<svg [^>]*role="img"[^>]*>\s*<title[^>]*>[^<]{20,}<\/title>/);
    expect(text).toContain('prefers-reduced-motion');
    expect(text.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/<script|<image|@import|url\(|(?:href|src)=/);
  });
});

describe('lists', () => {
  it('docs/reasons.md has the reasons of the code, with their meaning, in that order', () => {
    const listed = rowsOf('docs/reasons.md').map(([reason = '', meaning = '']) => [reason.replaceAll('`', ''), meaning]);
    expect(listed).toEqual(Object.entries(REASONS));
  });

  it('docs/reasons.md says for each reason what to do', () => {
    expect(rowsOf('docs/reasons.md').filter(([, , advice = '']) => advice.length < 8)).toEqual([]);
  });

  it('docs/operations.md has every phase', () => {
    const phases = /export type Phase =([^;]+);/.exec(read('src/rollout/status.ts'))?.[1]?.match(/\w+/g) ?? [];
    expect(phases).toContain('Healthy');
    const [, section = ''] = read('docs/operations.md').split(/^## (?=Phases$)/m);
    const listed = [...(section.split(/^## /m)[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(([, phase]) => phase);
    expect(listed).toEqual(phases);
  });

  it('ARCHITECTURE.md has the guards of an attempt in their order', () => {
    const [, table = ''] = read('ARCHITECTURE.md').split('| guards | what |');
    const named = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (\w+(?:, \w+)*) \|/gm)].flatMap(([, row = '']) =>
      row.split(', '),
    );
    const [, code = ''] = /GUARDS: readonly Guard\[\] = \[([^\]]+)\]/.exec(read('src/rollout/attempt.ts')) ?? [];
    expect(named).toContain('goForward');
    expect(named).toEqual(code.match(/\w+/g));
  });

  it('docs/metrics.md has the metrics of the code, with type, labels and meaning', () => {
    const listed = rowsOf('docs/metrics.md').filter(([name = '']) => /^`sluice_\w+`$/.test(name));
    expect(listed).toEqual(metricsRows());
    expect(listed).toHaveLength(metricsCode().match(/name: 'sluice_/g)?.length ?? 0);
  });

  it('the README gives a reason for each package', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Readonly<
      Record<'dependencies' | 'devDependencies', object>
    >;
    const rows = rowsOf('README.md').filter(row => row.length === 3 && (row[2]?.length ?? 0) > 0);
    const names = (isWanted: (usedIn: string) => boolean) =>
      rows.filter(([, usedIn = '']) => isWanted(usedIn)).map(([name = '']) => name.replaceAll('`', ''));
    expect(names(usedIn => usedIn !== 'development')).toEqual(Object.keys(dependencies));
    expect(names(usedIn => usedIn === 'development')).toEqual(Object.keys(devDependencies));
  });
});

const metricsCode = (): string =>
  filesIn('src/server', /etrics\.ts$/)
    .map(read)
    .join('');

/** The metrics that the code registers, as rows of the table. */
function metricsRows(): readonly (readonly string[])[] {
  const registered =
    /new (Counter|Gauge|Histogram)\(\{\s*name: '(sluice_\w+)',\s*help: '([^']+)',(?:\s*labelNames: \[([^\]]*)\])?/g;
  return [...metricsCode().matchAll(registered)].map(([, type = '', name = '', help = '', labels = '']) => [
    `\`${name}\``,
    type.toLowerCase(),
    labels === '' ? '-' : labels.replaceAll("'", '`'),
    help,
  ]);
}
