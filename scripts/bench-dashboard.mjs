// `npm run bench:dashboard`: what people wait for when they look, with a thousand Rollouts, and what those who look cost the server
// (docs/dashboard-bench.md). Needs Chromium, and no servers. With --json for programs; names of parts choose some of them.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/dashboard.ts');
