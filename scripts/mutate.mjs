// `npm run test:mutants`: changes the core in one place at a time and says which test notices (docs/mutants.md). Each mutant is a switch in one
// bundle of the core, the simulated world and the tests of test/rollout and test/scenarios, so that trying one takes moments.
//   --only FILE   mutants of files whose name contains this      --all       also borders, operands and conditions of expressions
//   --quick       scenarios only                                 --worlds N  random worlds for what every test lets live (default 100)
//   --json        for programs                                   --survivors prints only what lives
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { mutantsOf } from './mutate-sites.mjs';

const CORE = 'src/rollout';
/** Types, and the list of names; `remembered` only keeps what was worked out. */
const NOT_MUTATED = ['action.ts', 'index.ts', 'observation.ts', 'reason.ts', 'remembered.ts', 'spec.ts', 'status.ts'];
const EQUIVALENT = 'scripts/mutants-equivalent.yaml';
/** The same scenarios once more, with a death at every write: they would take hours for all mutants. */
const LEFT_OUT = /crashes-(even|odd)\.test\.ts$/;
const RANDOM = /propert\w*(-\w+)?\.test\.ts$/i;
/** No test takes as long as this, not even on a busy computer. */
const SILENT_MS = 120_000;
const MORE_STEPS = 200_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    worlds: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
    survivors: { type: 'boolean', default: false },
  },
});

const KINDS = ['inverted', 'never', 'left', 'right', 'other'];
const PLACES_OF_A_SITE = 128;
/** One number for each mutant; those of the guards come after the other kinds. */
const placeOf = (site, kind, index = 0) => {
  const known = KINDS.indexOf(kind);
  return PLACES_OF_A_SITE * site + (known >= 0 ? known : KINDS.length + 2 * index + (kind === 'swapped' ? 1 : 0));
};

/** What runs before everything else in the bundle: the switches. Each notes for which of its mutants the test would have gone another way. */
const switches = sites => `
  const KINDS = ${JSON.stringify(KINDS)}, PLACES_OF_A_SITE = ${PLACES_OF_A_SITE};
  globalThis.__mutants = {
    active: { site: -1, kind: '', index: undefined },
    state: { passed: 0, limit: Infinity, differs: new Uint8Array(${PLACES_OF_A_SITE * sites}), isNoting: false, round: 0 },
    file: '',
    pass(site) {
      const { state } = this;
      if (++state.passed > state.limit) throw new Error('does not end');
      return site === this.active.site ? this.active.kind : '';
    },
    placeOf: ${placeOf},
    note(site, kind, index = 0) {
      if (this.state.isNoting) this.state.differs[this.placeOf(site, kind, index)] = 1;
    },
    condition(site, value) {
      const kind = this.pass(site);
      this.note(site, 'inverted');
      if (value) this.note(site, 'never');
      return kind === '' ? value : kind === 'inverted' ? !value : false;
    },
    operands(site, operator, left, right) {
      const kind = this.pass(site);
      if (kind !== '') return kind === 'left' ? left() : right();
      const first = left();
      if (operator === '&&' ? !first : first) {
        this.note(site, 'right');
        return first;
      }
      this.note(site, 'left');
      return right();
    },
    compare(site, operator, left, right) {
      const both = {
        '<': () => [left < right, left <= right], '<=': () => [left <= right, left < right],
        '>': () => [left > right, left >= right], '>=': () => [left >= right, left > right],
        '===': () => [left === right, left !== right], '!==': () => [left !== right, left === right],
      };
      const [plain, other] = both[operator]();
      if (plain !== other) this.note(site, 'other');
      return this.pass(site) === '' ? plain : other;
    },
    guards(site, list) {
      const kind = this.pass(site);
      const { index } = this.active;
      if (kind === 'without') return list.filter((_, i) => i !== index);
      if (kind === 'swapped') return list.with(index, list[index + 1]).with(index + 1, list[index]);
      return this.state.isNoting ? list.map((guard, i) => this.watched(site, guard, i, list[i + 1])) : list;
    },
    watched(site, guard, index, next) {
      return attempt => {
        const outcome = guard(attempt);
        if (outcome === undefined) return outcome;
        this.note(site, 'without', index);
        this.state.isNoting = false;
        try {
          if (next?.(attempt) !== undefined) { this.state.isNoting = true; this.note(site, 'swapped', index); }
        } finally {
          this.state.isNoting = true;
        }
        return outcome;
      };
    },
  };`;

/** Forgets at each test what it remembered, since another mutant may be at work. */
const REMEMBERED = `
  export const remembered = workOut => {
    const { state } = globalThis.__mutants;
    let known = new WeakMap();
    let round = -1;
    return key => {
      if (round !== state.round) known = new WeakMap();
      round = state.round;
      if (!known.has(key)) known.set(key, { value: workOut(key) });
      return known.get(key).value;
    };
  };`;

async function filesIn(folder, ending) {
  const files = await readdir(folder, { recursive: true });
  return files.filter(file => file.endsWith(ending)).sort();
}

/** Every mutant of the core, and the texts with switches. */
async function readCore() {
  const texts = new Map([[resolve(CORE, 'remembered.ts'), REMEMBERED]]);
  const mutants = [];
  let sites = 0;
  for (const file of await filesIn(CORE, '.ts')) {
    if (NOT_MUTATED.includes(basename(file))) continue;
    const path = resolve(CORE, file);
    const found = mutantsOf(file, await readFile(path, 'utf8'), { isAll: options.all, firstSite: sites });
    texts.set(path, found.text);
    sites = found.sites;
    mutants.push(...found.mutants);
  }
  return { texts, sites, mutants };
}

/** One program of the switches, the core, the world and the tests. */
async function bundle(folder, { texts, sites }) {
  const tests = [
    ...(await filesIn('test/scenarios', '.test.ts')).map(file => `test/scenarios/${file}`),
    ...(await filesIn('test/rollout', '.test.ts')).map(file => `test/rollout/${file}`),
  ].filter(file => !LEFT_OUT.test(file));
  const standIn = resolve('scripts/mutate-tests.mjs');
  const mutated = {
    name: 'mutated',
    setup(builder) {
      builder.onResolve({ filter: /^vitest$/ }, () => ({ path: standIn }));
      // The matchers come with vitest, wherever that is.
      builder.onResolve({ filter: /^the matchers$/ }, ({ path }) => ({ path, namespace: 'matchers' }));
      builder.onLoad({ filter: /.*/, namespace: 'matchers' }, () => ({
        contents: `import * as matchers from '@vitest/expect'; globalThis.__mutants.matchers = matchers;`,
        resolveDir: resolve('node_modules/vitest'),
      }));
      builder.onLoad({ filter: /\/(src|test)\/.*\.ts$/ }, async ({ path }) => {
        const text = texts.get(path) ?? (await readFile(path, 'utf8'));
        // One file stands for all of them, so each is told where it comes from.
        const placed = text
          .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
          .replaceAll('import.meta.url', JSON.stringify(String(pathToFileURL(path))));
        const isTest = path.endsWith('.test.ts');
        const contents = isTest ? `globalThis.__mutants.file = ${JSON.stringify(relative('.', path))};${placed}` : placed;
        return { contents, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
  const outfile = join(folder, 'tests.mjs');
  await build({
    stdin: {
      contents: ['the matchers', ...tests.map(file => `./${file}`)].map(file => `import '${file}';`).join('\n'),
      resolveDir: process.cwd(),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    define: { __SLUICE_VERSION__: '"0.0.0-mutants"' },
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);${switches(sites)}`,
    },
    plugins: [mutated],
  });
  return outfile;
}

/** A process that answers one message at a time; one that is silent for too long is ended and begun anew. */
function createWorker(program) {
  let child;
  const open = () => {
    const env = { ...process.env, SLUICE_WORLDS: options.worlds, NO_COLOR: '1' };
    child = fork(program, { execArgv: ['--max-old-space-size=1024'], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  };
  const ask = message =>
    new Promise(done => {
      if (child === undefined || !child.connected) open();
      const asked = child;
      let at;
      const end = answer => {
        clearTimeout(timer);
        asked.off('message', take);
        asked.off('exit', died);
        done(answer);
      };
      const died = () => end({ died: true, at });
      const timer = setTimeout(() => asked.kill('SIGKILL'), SILENT_MS);
      const take = said => {
        timer.refresh();
        if (said.answer === undefined) at = said.at;
        else end(said.answer);
      };
      asked.on('message', take);
      asked.on('exit', died);
      asked.send(message);
    });
  return { ask, close: () => child?.kill('SIGKILL') };
}

/** Every test once, without a mutant: how long it takes and which switches it passes. */
async function measure(workers) {
  const { tests } = await workers[0].ask({ kind: 'list' });
  if (tests === undefined) throw new Error('reading the tests: the process that runs them ended, see above');
  const isAsked = test =>
    RANDOM.test(test.file) ? !options.quick && options.worlds !== '0' : !options.quick || isScenario(test);
  const numbers = [...tests.keys()].filter(number => isAsked(tests[number]));
  const results = await Promise.all(
    workers.map((worker, index) =>
      worker.ask({ kind: 'baseline', numbers: numbers.filter((_, i) => i % workers.length === index) }),
    ),
  );
  const died = results.find(answer => answer.results === undefined);
  if (died) throw new Error(`running the tests without a mutant: the process ended in ${tests[died.at]?.name}`);
  for (const { number, ...result } of results.flatMap(answer => answer.results))
    Object.assign(tests[number], { number, ...result });
  const failed = tests.filter(({ file, error }) => error !== undefined && !RANDOM.test(file));
  for (const { file, name, error } of failed)
    console.error(`fails without any mutant, not used: ${file}: ${name}: ${error.split('\n')[0]}`);
  const good = tests.filter(({ number, error }) => number !== undefined && error === undefined);
  const used = good.filter(({ file }) => !RANDOM.test(file));
  const order = test => (isScenario(test) ? 0 : 1);
  used.sort((a, b) => order(a) - order(b) || a.ms - b.ms);
  const random = good.filter(({ file }) => RANDOM.test(file)).map(({ number }) => number);
  return { tests, used: used.map(test => ({ ...test, differs: new Set(test.differs) })), random, failed };
}

const isScenario = ({ file }) => file.startsWith('test/scenarios/');

/** Asks the tests in which the mutant goes another way, the fast ones first, and random worlds last. */
async function trial(worker, mutant, { tests, used, random }) {
  const { site, kind, index } = mutant;
  const concerned = used.filter(({ differs }) => differs.has(placeOf(site, kind, index)));
  const numbers = [...concerned.map(({ number }) => number), ...random];
  const limits = [...concerned.map(({ passed }) => 20 * passed + MORE_STEPS), ...random.map(() => null)];
  const answer = await worker.ask({ kind: 'mutant', mutant: { site, kind, index }, numbers, limits });
  const killer = answer.died ? answer.at : answer.killedBy;
  if (killer === undefined) return { ...mutant, concerned: concerned.length };
  return { ...mutant, killedBy: nameOf(tests[killer]), error: answer.died ? 'does not end' : answer.error };
}

/** A scenario by its file, a test by its place and name. */
function nameOf({ file, name }) {
  const scenario = /\((\w+\.yaml)\)$/.exec(name);
  return isScenario({ file }) && scenario ? `scenario ${scenario[1]}` : `${basename(file)}: ${name}`;
}

async function tryAll(workers, mutants, known) {
  const queue = [...mutants.keys()];
  const results = [];
  const work = async worker => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results[next] = await trial(worker, mutants[next], known);
      const done = mutants.length - queue.length;
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${mutants.length} `);
      else if (done % 100 === 0) process.stderr.write(`${done} of ${mutants.length}\n`);
    }
  };
  await Promise.all(workers.map(work));
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  return results;
}

/** Adds the reason to those that are known to change nothing; answers what is wrong with the list of them. */
function excuse(results, listed) {
  const because = new Map(listed.map(({ mutant, because }) => [mutant, because]));
  for (const result of results) {
    if (because.has(result.key) && result.killedBy === undefined) result.equivalent = because.get(result.key);
  }
  return listed.flatMap(({ mutant }) => {
    const result = results.find(({ key }) => key === mutant);
    return result?.killedBy === undefined ? [] : [`${EQUIVALENT}: "${mutant}" is killed by ${result.killedBy}`];
  });
}

const cut = (text, width) => (text.length > width ? `${text.slice(0, width - 3)}...` : text);

function print(results) {
  const shown = options.survivors
    ? results.filter(({ killedBy, equivalent }) => killedBy === undefined && equivalent === undefined)
    : results;
  for (const { file, line, what, killedBy, equivalent, error, concerned } of shown) {
    const lives =
      equivalent === undefined ? `SURVIVED ${concerned} tests in which it goes another way` : `equivalent: ${equivalent}`;
    const said = killedBy === undefined ? lives : `${killedBy}${error === 'does not end' ? ' (does not end)' : ''}`;
    console.log(`${`${file}:${line}`.padEnd(26)}  ${cut(what, 110).padEnd(110)}  ${cut(said, 140)}`);
  }
}

const folder = await mkdtemp(join(tmpdir(), 'sluice-mutants-'));
const workers = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const worker of workers) worker.close();
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const core = await readCore();
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  const program = await bundle(folder, core);
  for (let i = 0; i < Math.min(2, availableParallelism()); i++) workers.push(createWorker(program));
  const startMs = performance.now();
  const known = await measure(workers);
  const mutants = core.mutants.filter(({ file }) => options.only === undefined || file.includes(options.only));
  const listed = parse(await readFile(EQUIVALENT, 'utf8')) ?? [];
  const keys = new Set(core.mutants.map(({ key }) => key));
  const results = await tryAll(workers, mutants, known);
  const wrong = [
    ...excuse(results, listed),
    ...(options.all
      ? listed.filter(({ mutant }) => !keys.has(mutant)).map(({ mutant }) => `${EQUIVALENT}: there is no mutant "${mutant}"`)
      : []),
  ];
  const killed = results.filter(({ killedBy }) => killedBy !== undefined);
  const equivalent = results.filter(result => result.equivalent !== undefined);
  const survived = results.length - killed.length - equivalent.length;
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  const conditions = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    workers: workers.length,
    tests: known.used.length,
    worlds: Number(options.worlds),
    seconds,
  };
  const sum = `${results.length} mutants, ${killed.length} killed, ${survived} survived`;
  if (options.json) {
    const told = results.map(({ key, file, line, what, killedBy, equivalent, error }) => ({
      key,
      file,
      line,
      mutant: what,
      killedBy,
      equivalent,
      error: error?.split('\n')[0],
    }));
    console.log(
      JSON.stringify(
        { conditions, mutants: told, killed: killed.length, equivalent: equivalent.length, survived, wrong },
        null,
        2,
      ),
    );
  } else {
    print(results);
    for (const line of wrong) console.log(line);
    console.log(
      `${known.used.length} tests, ${options.worlds} random worlds, ${seconds} s with ${workers.length} processes; ${equivalent.length} equivalent (${EQUIVALENT})`,
    );
    console.log(equivalent.length === 0 ? sum : `${sum} (and ${equivalent.length} are equivalent)`);
  }
  const guards = results.filter(
    ({ isGuard, killedBy, equivalent }) => isGuard && killedBy === undefined && equivalent === undefined,
  );
  process.exitCode = guards.length > 0 || wrong.length > 0 || known.failed.length > 0 ? 1 : 0;
} finally {
  for (const worker of workers) worker.close();
  await rm(folder, { recursive: true, force: true });
}
