// Bundles the two programs (controller with its command line, and the sandbox) into dist/.
// Bundled because importing the Kubernetes client unbundled costs a third of a second and twice the memory.
import { chmod, copyFile, cp, readFile, rename, rm } from 'node:fs/promises';
import { build } from 'esbuild';

// Made beside the old one, which stays when the build fails.
const outdir = 'dist.new';
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { sluice: 'src/main.ts', sandbox: 'src/sandbox/main.ts' },
  outdir,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  legalComments: 'none',
  define: { __SLUICE_VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
});
await chmod(`${outdir}/sluice.js`, 0o755);
await chmod(`${outdir}/sandbox.js`, 0o755);
// What a browser gets is copied as it is: who reads it there reads the source.
await cp('src/dashboard', `${outdir}/dashboard`, { recursive: true, filter: source => !source.endsWith('tsconfig.json') });
for (const file of ['uPlot.iife.min.js', 'uPlot.min.css'])
  await copyFile(`node_modules/uplot/dist/${file}`, `${outdir}/dashboard/${file}`);
await rm('dist', { recursive: true, force: true });
await rename(outdir, 'dist');
