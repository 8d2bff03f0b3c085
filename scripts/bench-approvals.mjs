// `npm run bench:approvals`: what people wait for when they press a button, and what a dead chat costs, on a real API server
// (docs/approvals-bench.md). With --json for programs; names of parts choose some of them.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/approvals.ts');
