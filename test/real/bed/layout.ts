import { join } from 'node:path';
import type { Binaries, BinaryName } from './binaries.ts';
import type { Certificates } from './certificates.ts';
import type { Slot } from './ports.ts';

/** What the plans of all servers are made from. */
export interface Layout extends Slot {
  readonly binaries: Binaries;
  readonly certificates: Certificates;
  /** Kubeconfig of the administrator. */
  readonly kubeconfig: string;
}

/** Path of a file that is there unless its part is left out. Throws then. */
export function binary(layout: Layout, name: BinaryName): string {
  const path = layout.binaries[name];
  if (path === undefined) throw new Error(`using ${name}: it is left out of this bed`);
  return path;
}

export function localUrl(port: number, secure = false): string {
  return `${secure ? 'https' : 'http'}://127.0.0.1:${port}`;
}

/** Folder of a server's own data. */
export function dataOf(layout: Slot, name: string): string {
  return join(layout.directory, 'data', name);
}
