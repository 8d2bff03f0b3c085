import { type Fate, type Passed, startCountingProxy } from './bench/countingProxy.ts';

/** One request: the n-th (1-based) of its kind, such as `PATCH rollouts/status`. */
export interface RequestName {
  readonly what: string;
  readonly nth: number;
}

/** The request that is cut: it never reaches the API server, or its answer never comes back. */
export interface Cut extends RequestName {
  readonly when: 'before' | 'after';
}

interface CuttingProxy {
  /** Stands for the API server; plain HTTP. */
  readonly url: string;
  /** All requests so far, the one that was cut included. */
  readonly requests: readonly RequestName[];
  /** Passes everything again after the cut. */
  readonly mend: () => void;
  readonly close: () => Promise<void>;
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
  const requests: RequestName[] = [];
  const counts = new Map<string, number>();
  let isCut = false;
  let isMended = false;
  const strike = () => {
    isCut = true;
    kill();
  };
  const fateOf = ({ what }: Passed): Fate => {
    if (isCut && !isMended) return 'unsent';
    const nth = (counts.get(what) ?? 0) + 1;
    counts.set(what, nth);
    requests.push({ what, nth });
    if (isCut || what !== cut?.what || nth !== cut.nth) return 'passed';
    if (cut.when === 'after') return { onAnswerKeptBack: strike };
    strike();
    return 'unsent';
  };
  const proxy = await startCountingProxy(api.url, api.caFile, { fateOf });
  return {
    url: proxy.url,
    requests,
    mend: () => {
      isMended = true;
    },
    close: proxy.close,
  };
}
