// `npm run bench:latency`: times from a cause to the weight that answers it, on real servers (docs/benchmarks.md). With --json for programs;
// names of parts choose some of them.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/latency.ts');
