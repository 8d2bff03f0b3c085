/** Something in the cluster that makes routing rules fail silently, or that would make errors when traffic moves (R13). */
export type MeshFinding = {
  /** One of the closed list in docs/mesh-checks.md, like `SubsetWithoutPods`. */
  readonly code: string;
  /** Errors hold each raise, warnings are shown. */
  readonly severity: 'error' | 'warning';
  /** `Kind namespace/name` of the object that is to be mended. */
  readonly object: string;
  /** What it means for this rollout, and how to mend it: two sentences without full stop, joined by a semicolon. */
  readonly message: string;
};
