// `npm run bench:mesh`: what moving traffic costs the requests that are moved, on a real mesh (docs/mesh-bench.md). Writes its tables into that
// page, unless --dry or --quick is given. With --json for programs; names of parts choose some of them.
import { runBench } from './real-bench.mjs';

await runBench('test/real/bench/mesh.ts');
