import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseOptions, type IForbiddenRuleType } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

type Config = { readonly forbidden: readonly IForbiddenRuleType[]; readonly options: ICruiseOptions };

const readConfig = async (): Promise<Config> => {
  const module: { readonly default: Config } = await import(join(ROOT, '.dependency-cruiser.mjs'));
  return module.default;
};

/** The imports under src that no layer allows, as `rule: from -> to`. */
const violations = async (baseDir: string): Promise<readonly string[]> => {
  const { forbidden, options } = await readConfig();
  const { tsConfig: _, ...rest } = options;
  const { output } = await cruise(['src'], { ...rest, baseDir, validate: true, ruleSet: { forbidden: [...forbidden] } });
  if (typeof output === 'string') throw new Error('cruising src: expected an object, got text');
  return output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();
};

/** One import for each rule that it breaks, and for none other but those named. */
const MISPLACED: readonly (readonly [rule: string, from: string, text: string])[] = [
  ['no-circular', 'src/rollout/circle.ts', "import { b } from './round.ts'; export const a = () => b;"],
  ['not-to-unresolvable', 'src/cli/lost.ts', "import './nowhere.ts';"],
  ['rollout-imports-itself-only', 'src/rollout/clock.ts', "import 'node:fs';"],
  ['rollout-imports-itself-only', 'src/rollout/port.ts', "import type { P } from '../controller/ports.ts'; export type Q = P;"],
  ['rollout-imports-itself-only', 'src/rollout/pack.ts', "import 'zod';"],
  ['rollout-has-one-door', 'src/cli/window.ts', "import '../rollout/inside.ts';"],
  ['controller-knows-ports-only', 'src/controller/product.ts', "import '../adapters/istio/router.ts';"],
  ['controller-knows-ports-only', 'src/controller/disk.ts', "import 'node:fs';"],
  ['adapters-stand-apart', 'src/adapters/git/neighbour.ts', "import '../istio/router.ts';"],
  ['adapters-below', 'src/adapters/git/climber.ts', "import '../../controller/controller.ts';"],
  ['server-below', 'src/server/product.ts', "import '../adapters/istio/router.ts';"],
  ['config-below', 'src/config/climber.ts', "import '../controller/ports.ts';"],
  ['compose-below', 'src/compose/climber.ts', "import '../cli/program.ts';"],
  ['simulation-below', 'src/simulation/climber.ts', "import '../controller/ports.ts';"],
  ['cli-below', 'src/cli/entry.ts', "import '../main.ts';"],
  ['main-hands-over', 'src/main.ts', "import './config/load.ts';"],
  ['sandbox-imports-itself-only', 'src/sandbox/shares.ts', "import type { S } from '../rollout/index.ts'; export type T = S;"],
  ['sandbox-is-a-program', 'src/cli/demo.ts', "import '../sandbox/main.ts';"],
];

/** Packages with a home, each imported from where it has none. */
const HOMELESS: readonly (readonly [rule: string, packageName: string])[] = [
  ['axios-at-home', 'axios'],
  ['kubernetes-at-home', '@kubernetes/client-node'],
  ['handlebars-at-home', 'handlebars'],
  ['promql-at-home', '@lezer/lr'],
  ['hono-at-home', 'hono'],
  ['commander-at-home', 'commander'],
  ['json-patch-at-home', 'rfc6902'],
  ['not-to-dev-dep', 'tester'],
];

/** What stands around them, and is allowed. */
const SOUND: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'sound',
    type: 'module',
    dependencies: Object.fromEntries(HOMELESS.flatMap(([rule, name]) => (rule === 'not-to-dev-dep' ? [] : [[name, '1.0.0']]))),
    devDependencies: { tester: '1.0.0' },
  }),
  'src/rollout/index.ts': "export type S = string; export { inside } from './inside.ts';",
  'src/rollout/inside.ts': 'export const inside = 1;',
  'src/rollout/round.ts': "import { a } from './circle.ts'; export const b = () => a;",
  'src/controller/ports.ts': "import type { S } from '../rollout/index.ts'; export type P = S;",
  'src/controller/controller.ts': "import 'node:timers'; import './ports.ts'; import '../rollout/index.ts';",
  'src/adapters/http/client.ts': "import 'node:http';",
  'src/adapters/istio/router.ts':
    "import '../http/client.ts'; import '../../controller/ports.ts'; import '../../rollout/index.ts';",
  'src/config/load.ts': "import '../rollout/index.ts';",
  'src/cli/program.ts': "import '../config/load.ts'; import '../rollout/index.ts';",
  'src/sandbox/main.ts': "import 'node:net';",
};

const BROKEN = [...MISPLACED, ...HOMELESS.map(([rule, name]) => [rule, `src/config/${rule}.ts`, `import '${name}';`] as const)];
const PACKAGES = HOMELESS.flatMap(([, name]) => [
  [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' })] as const,
  [`node_modules/${name}/index.js`, ''] as const,
]);

describe('the layers', () => {
  let fixture = '';
  beforeAll(async () => {
    fixture = await mkdtemp(join(tmpdir(), 'sluice-layers-'));
    const files = [...Object.entries(SOUND), ...PACKAGES, ...BROKEN.map(([, path, text]) => [path, text] as const)];
    for (const [path, text] of files) {
      await mkdir(dirname(join(fixture, path)), { recursive: true });
      await writeFile(join(fixture, path), text);
    }
  });
  afterAll(() => rm(fixture, { recursive: true, force: true }));

  it('are kept by every import under src', async () => {
    expect(await violations(ROOT)).toEqual([]);
  });

  it('have no rule that was never seen to fire', async () => {
    const { forbidden } = await readConfig();
    expect([...new Set(BROKEN.map(([rule]) => rule))].sort()).toEqual(forbidden.map(({ name }) => name).sort());
  });

  it('are noticed when they are broken, each by its own rule, and nothing else is', async () => {
    const found = await violations(fixture);
    for (const [rule, from] of BROKEN)
      expect(found, `${rule} in ${from}`).toContainEqual(expect.stringContaining(`${rule}: ${from} ->`));
    const broken = new Set([...BROKEN.map(([, from]) => from), 'src/rollout/round.ts']);
    expect(found.filter(line => ![...broken].some(from => line.includes(`: ${from} ->`)))).toEqual([]);
  });
});

/** What has no place in a pure core, and how it looks. */
const IMPURE: Readonly<Record<string, RegExp>> = {
  'the clock': /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\b/,
  chance: /\bMath\.random\b|\bcrypto\b/,
  waiting: /\basync\b|\bawait\b|\bPromise\b|\bsetTimeout\b|\bsetInterval\b|\bqueueMicrotask\b/,
  'the machine': /['"]node:|\bprocess\.|\bglobalThis\b|\bconsole\./,
  'a package': /\bfrom\s+['"](?!\.\.?\/)|\brequire\(|\bimport\(/,
};

/** The impurities of a source text, comments aside. */
const impurities = (source: string): readonly string[] => {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm, '');
  return Object.entries(IMPURE).flatMap(([name, pattern]) => (pattern.test(code) ? [name] : []));
};

const sourcesUnder = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(join(ROOT, folder), { recursive: true });
  return entries.filter(name => name.endsWith('.ts')).map(name => join(folder, name));
};

describe('the core', () => {
  it('R1: has no clock, no chance, no waiting and no machine', async () => {
    const found: Record<string, readonly string[]> = {};
    for (const path of await sourcesUnder('src/rollout')) {
      const impure = impurities(await readFile(join(ROOT, path), 'utf8'));
      if (impure.length > 0) found[path] = impure;
    }
    expect(found).toEqual({});
  });

  it.each([
    ['const now = Date.now();', ['the clock']],
    ['const now = new Date();', ['the clock']],
    ['const die = Math.random();', ['chance']],
    ['export const f = async () => 1;', ['waiting']],
    ["import { readFile } from 'node:fs';", ['the machine', 'a package']],
    ["import { z } from 'zod';", ['a package']],
    ['const home = process.env;', ['the machine']],
    ['/** Never Date.now or await. */ const then = new Date(ms).toISOString(); // not async', []],
    ["import { x } from './x.ts';", []],
  ])('would be caught at: %s', (source, expected) => {
    expect(impurities(source)).toEqual(expected);
  });
});

describe('names', () => {
  it('are taken from the domain: no file or folder is called utils, helpers, common, types or manager', async () => {
    const vague = /(^|\/)(utils?|helpers?|common|types|managers?)(\.ts|\/|$)/i;
    const names = [...(await sourcesUnder('src')), ...(await sourcesUnder('test'))];
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter(name => vague.test(name))).toEqual([]);
  });
});
