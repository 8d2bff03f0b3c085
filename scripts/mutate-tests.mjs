// Stands in for vitest while mutants are tried: a test can be run by its number, again and again, in one process that has read every scenario
// once. The matchers are those of vitest. Bundled with the tests and the core by mutate.mjs, and run by it as a child process.
import { format } from 'node:util';

const { chai, JestAsymmetricMatchers, JestChaiExpect, JestExtend } = globalThis.__mutants.matchers;

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
export const expect = Object.assign((value, message) => chai.expect(value, message), chai.expect, {
  unreachable: message => chai.assert.fail(message ?? 'was reached'),
});

const tests = [];
const path = [];

const register = (name, run) => tests.push({ file: globalThis.__mutants.file, name: [...path, name].join(' > '), run });

/** `%s`, `%i` and `$field` in the title of a table of tests. */
const titleOf = (title, values) => {
  const [first] = values;
  const isObject = typeof first === 'object' && first !== null;
  const named = isObject ? title.replace(/\$(\w+)/g, (whole, key) => (key in first ? String(first[key]) : whole)) : title;
  const count = (named.replaceAll('%%', '').match(/%[a-z]/g) ?? []).length;
  return format(named, ...values.slice(0, count));
};

const withTable = plain =>
  Object.assign(plain, {
    each: cases => (title, run) => {
      for (const one of cases) {
        const values = Array.isArray(one) ? one : [one];
        plain(titleOf(title, values), () => run(...values));
      }
    },
  });

export const it = withTable((name, run) => register(name, run));
export const describe = withTable((name, define) => {
  path.push(name);
  define();
  path.pop();
});

const { active, state } = globalThis.__mutants;

/** Lets the parent be heard, also when it has gone. */
const listen = () => new Promise(done => setImmediate(done));
process.on('disconnect', () => process.exit());

/** Runs one test; `limit`: how many switches it may pass, so that a mutant that never ends is found out. */
async function run(number, limit) {
  await listen();
  state.passed = 0;
  state.limit = limit ?? Number.POSITIVE_INFINITY;
  state.round += 1;
  const startMs = performance.now();
  let error;
  try {
    await tests[number].run();
  } catch (thrown) {
    error = String(thrown?.message ?? thrown);
  }
  // A promise of a generous test can hide that it was stopped.
  if (state.passed > state.limit) error = 'does not end';
  return { ms: performance.now() - startMs, passed: state.passed, error };
}

const placesOf = differs => {
  const places = [];
  for (let at = differs.indexOf(1); at >= 0; at = differs.indexOf(1, at + 1)) places.push(at);
  return places;
};

const ANSWERS = {
  list: () => ({ tests: tests.map(({ file, name }) => ({ file, name })) }),
  baseline: async ({ numbers }) => {
    const results = [];
    state.isNoting = true;
    for (const number of numbers) {
      process.send({ at: number });
      state.differs.fill(0);
      results.push({ number, ...(await run(number)), differs: placesOf(state.differs) });
    }
    state.isNoting = false;
    return { results };
  },
  mutant: async ({ mutant, numbers, limits }) => {
    Object.assign(active, mutant);
    for (const [index, number] of numbers.entries()) {
      process.send({ at: number });
      const { error } = await run(number, limits[index]);
      if (error !== undefined) return { killedBy: number, error };
    }
    return {};
  },
};

process.on('message', async message => {
  process.send({ answer: await ANSWERS[message.kind](message) });
});
