// `npm run bench:judge`: simulated releases under Sluice's judge and under others, on the same data (docs/judge-bench.md).
//
//   npm run bench:judge                                       # about two minutes
//   npm run bench:judge -- --runs 10000                       # the figures of the page
//   npm run bench:judge -- --seed 7 --runs 200 healthy bad    # another seed, some experiments
//
// Writes plots to docs/judge and the tables into docs/judge-bench.md, unless --dry is given. The same seed, number of runs and experiments give the
// same figures, bit by bit. With --json for programs: every single result, and nothing is written.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const PAGE = 'docs/judge-bench.md';
const PLOTS = 'docs/judge';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '20261121' },
    json: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
  },
});

function wholeNumber(name) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} must be a whole number above 0, not ${values[name]}`);
  process.exit(2);
}

async function load(folder) {
  const outfile = join(folder, 'judge.mjs');
  const entryPoints = ['test/bench/judge/bench.ts'];
  await build({ entryPoints, outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20' });
  return import(pathToFileURL(outfile));
}

/** Each experiment has a part of the page, which a run of it replaces. */
async function write({ tables, plots }, conditions) {
  await mkdir(PLOTS, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) await writeFile(join(PLOTS, name), svg);
  let page = await readFile(PAGE, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const [before, rest] = page.split(`<!-- begin ${name} -->`);
    const after = rest?.split(`<!-- end ${name} -->`)[1];
    if (after === undefined) throw new Error(`${PAGE} does not say where the figures of ${name} go`);
    page = `${before}<!-- begin ${name} -->\n${conditions}\n\n${table}\n<!-- end ${name} -->${after}`;
  }
  await writeFile(PAGE, page);
  console.log(`\nwritten: ${PAGE}, ${Object.keys(plots).join(', ')} in ${PLOTS}`);
}

const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
try {
  const { runBench, EXPERIMENT_NAMES } = await load(folder);
  const unknown = positionals.filter(name => !EXPERIMENT_NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`no such experiment: ${unknown.join(', ')}; there are ${EXPERIMENT_NAMES.join(', ')}`);
    process.exit(2);
  }
  const names = positionals.length === 0 ? EXPERIMENT_NAMES : positionals;
  const extent = { seed: wholeNumber('seed'), runs: wholeNumber('runs') };
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  const conditions = `Seed ${extent.seed}, \`--runs ${extent.runs}\`, Sluice ${version}, Node ${process.version}.`;
  const startMs = performance.now();
  const tell = name => console.error(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${name}`);
  const report = runBench(extent, names, tell);
  if (values.json) console.log(JSON.stringify({ conditions, cpu: cpus()[0]?.model, measured: report.measured }));
  else {
    console.log(conditions);
    for (const [name, table] of Object.entries(report.tables)) console.log(`\n${name}\n\n${table}`);
    if (!values.dry) await write(report, conditions);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
