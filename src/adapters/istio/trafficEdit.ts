import type { Position, Routes } from '../../rollout/index.ts';
import type { VersionOfSubset } from './virtualService.ts';

type VersionSubset = { readonly version: string; readonly subset: string };

/** What one write of traffic is to make of a VirtualService. */
export type TrafficEdit = {
  /** Full name. */
  readonly host: string;
  /** Names of the steered http routes, as in the target. */
  readonly routes: readonly string[];
  readonly stable: VersionSubset;
  readonly canary: VersionSubset;
  readonly versionOf: VersionOfSubset;
  /** Share of the new version in percent of what foreign destinations leave. */
  readonly weightPercent: number;
  /** Header routes, mirror and cookie; those that are absent are removed. */
  readonly beside?: Routes;
  readonly uid: string;
  /** Name of the Rollout; http routes of ours are named after it. */
  readonly rollout: string;
  /** Subset to which our mirror leads if it stands, for when the annotation was lost. */
  readonly mirrored?: string;
  readonly position: Position;
};

/** Thrown when something beside the weights cannot be written (R28); says where, why, and what to do about it. */
export class RouteRefusedError extends Error {
  override name = 'RouteRefusedError';
}
