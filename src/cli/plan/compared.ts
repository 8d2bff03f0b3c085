import type { MeshFinding } from '../../rollout/index.ts';
import type { MovedMesh } from './meshDiff.ts';
import type { Outlook } from './outlook.ts';

/** The file beside what there is already: a cluster, or the file as it was. */
export type Compared = {
  /** `the cluster at https://...`, `Git, main (1a2b3c4d)`. */
  readonly with: string;
  readonly outlook?: Outlook;
  /** What changes, one line each. */
  readonly changes: readonly string[];
  /** Stable first. */
  readonly pods?: readonly { readonly version: string; readonly ready: number; readonly total: number }[];
  /** What the mesh check finds, errors first. */
  readonly findings: readonly MeshFinding[];
  /** What each move changes in the routing objects. */
  readonly moved: readonly MovedMesh[];
  /** Why the moves, or some of them, could not be written. */
  readonly problem?: string;
  /** Who stopped all forward movement, in a sentence. */
  readonly freeze?: string;
  readonly notes: readonly string[];
};

/** As things stand it could not work. */
export const isBlocked = ({ findings, problem }: Pick<Compared, 'findings' | 'problem'>): boolean =>
  problem !== undefined || findings.some(({ severity }) => severity === 'error');
