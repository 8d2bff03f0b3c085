import type { KubernetesObject } from '../real/bed/kubernetes.ts';
import type { Sighting } from '../real/watchObjects.ts';
import { shapeOf, type VirtualService } from './virtualService.ts';

/** What the routes of a VirtualService said from a time on. */
export interface Shape {
  readonly shape: string;
  /** When it was decided, or at least seen. */
  readonly sinceMs: number;
}

const POSITION = 'sluice.dev/position';

/** What Sluice wrote last says when it was decided; somebody else's write does not. */
function decidedAt({ object, atMs }: Sighting<KubernetesObject>): number {
  const { annotations = {} } = object.metadata as { readonly annotations?: Readonly<Record<string, string>> };
  const positions = Object.values(JSON.parse(annotations[POSITION] ?? '{}') as Record<string, { readonly time: string }>);
  return Math.min(atMs, ...positions.map(({ time }) => Date.parse(time)));
}

/** One entry for each change of the routes of the VirtualService with this name. */
export const shapesOf = (sightings: readonly Sighting<KubernetesObject>[], name: string): readonly Shape[] =>
  sightings
    .filter(({ object }) => object.metadata.name === name)
    .map(seen => ({ shape: shapeOf(seen.object as VirtualService), sinceMs: decidedAt(seen) }))
    .filter(({ shape }, index, all) => shape !== all[index - 1]?.shape);
