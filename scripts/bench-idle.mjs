// `npm run bench:idle`: what idle rollouts cost, and whether they slow down one that fails (docs/benchmarks.md). With --json for programs;
// `--minutes 10` counts longer.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/idle.ts');
