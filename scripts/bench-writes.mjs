// `npm run bench:writes`: counts what rollouts cost a real API server, and how long `sluice --help` takes. Figures only, nothing is asserted.
// With --json the figures are printed as JSON. The first run gets the servers (docs/testing-on-real-servers.md).
import { spawnSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const built = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

// inside the package, so that what is imported from packages is found
const outfile = resolve('node_modules/.cache/sluice/bench-writes.mjs');
await mkdir(resolve(outfile, '..'), { recursive: true });
await build({
  entryPoints: ['test/real/bench/writes.ts'],
  outfile,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'warning',
  plugins: [
    {
      // files find others by their own place, which they lose in a bundle
      name: 'place-of-source',
      setup: ({ onLoad }) =>
        onLoad({ filter: /test[\\/]real[\\/].*\.ts$/ }, async ({ path }) => ({
          contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
          loader: 'ts',
        })),
    },
  ],
});
await import(pathToFileURL(outfile).href);
