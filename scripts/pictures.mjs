// `npm run pictures`: makes the pictures in docs/pictures anew, of real runs of the built program against its sandbox: the dashboard in Chromium, and
// recordings of the command line (with `script` of util-linux). Takes three minutes; names of pictures choose some.
import { runBench } from './real-bench.mjs';

await runBench('scripts/pictures/pictures.ts');
