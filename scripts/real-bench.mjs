import { spawnSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Builds the program, and runs a benchmark in TypeScript against it and the real servers. Figures only, nothing is asserted.
 * The first run gets the servers (docs/testing-on-real-servers.md).
 */
export async function runBench(entryPoint) {
  const built = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);

  // inside the package, so that what is imported from packages is found
  const outfile = resolve(`node_modules/.cache/sluice/bench-${basename(entryPoint, '.ts')}.mjs`);
  await mkdir(resolve(outfile, '..'), { recursive: true });
  await build({
    entryPoints: [entryPoint],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    plugins: [placeOfSource],
  });
  await import(pathToFileURL(outfile).href);
}

/** Files find others by their own place, which they lose in a bundle. */
const placeOfSource = {
  name: 'place-of-source',
  setup: ({ onLoad }) =>
    onLoad({ filter: /test[\\/]real[\\/].*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: 'ts',
    })),
};
