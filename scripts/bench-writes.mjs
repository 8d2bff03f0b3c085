// `npm run bench:writes`: counts what rollouts cost a real API server, and how long `sluice --help` takes. With --json for programs.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/writes.ts');
