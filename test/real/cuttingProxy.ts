import { type Fate, type Passed, startCountingProxy } from './bench/countingProxy.ts';

/** The n-th write (1-based) that is cut: it never reaches the API server, or its answer never comes back. */
export interface Cut {
  readonly write: number;
  readonly when: 'before' | 'after';
}

interface CuttingProxy {
  /** Stands for the API server; plain HTTP. */
  readonly url: string;
  /** All writes so far, the one that was cut included: `PATCH rollouts/status`. */
  readonly writes: readonly string[];
  /** Passes everything again after the cut. */
  readonly mend: () => void;
  readonly close: () => Promise<void>;
}

/** Events and leases are no part of a rollout. */
const RESOURCES = ['rollouts', 'rollouts/status', 'virtualservices', 'destinationrules'];

function isWrite({ what }: Passed): boolean {
  const [method = '', resource = ''] = what.split(' ');
  return method !== 'GET' && RESOURCES.includes(resource);
}

/**
 * Stands between one controller and the API server, and calls `kill` at the moment of the cut. From then on nothing passes, not even what the
 * killed process had sent already, until `mend`.
 */
export async function startCuttingProxy(
  api: { readonly url: string; readonly caFile: string },
  cut: Cut | undefined,
  kill: () => void,
): Promise<CuttingProxy> {
  const writes: string[] = [];
  let isCut = false;
  let isMended = false;
  const strike = () => {
    isCut = true;
    kill();
  };
  const fateOf = (request: Passed): Fate => {
    if (isCut && !isMended) return 'unsent';
    if (!isWrite(request)) return 'passed';
    writes.push(request.what);
    if (writes.length !== cut?.write) return 'passed';
    if (cut.when === 'after') return { onAnswerKeptBack: strike };
    strike();
    return 'unsent';
  };
  const proxy = await startCountingProxy(api.url, api.caFile, fateOf);
  return {
    url: proxy.url,
    writes,
    mend: () => {
      isMended = true;
    },
    close: proxy.close,
  };
}
