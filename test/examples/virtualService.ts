import type { KubernetesObject } from '../real/bed/kubernetes.ts';

interface Destination {
  readonly destination: { readonly host: string; readonly subset?: string };
  readonly weight?: number;
  readonly headers?: unknown;
}

interface HttpRoute {
  readonly name?: string;
  readonly match?: readonly unknown[];
  readonly route?: readonly Destination[];
  readonly mirror?: unknown;
  readonly mirrors?: readonly {
    readonly destination: { readonly subset?: string };
    readonly percentage?: { readonly value: number };
  }[];
}

export interface VirtualService extends KubernetesObject {
  readonly spec: { readonly http: readonly HttpRoute[] };
}

/** Name that only routes of Sluice have. */
const isOurs = ({ name = '' }: HttpRoute): boolean => name.startsWith('sluice-');

function destinations({ route = [] }: HttpRoute): string {
  if (route.length === 1) return route[0]?.destination.subset ?? 'all';
  const taking = route.filter(({ weight = 0 }) => weight > 0);
  const parts = taking.map(({ destination, weight }) => `${destination.subset ?? 'all'} ${weight}`).sort();
  return taking.length === 1 ? (taking[0]?.destination.subset ?? 'all') : parts.join(', ');
}

function copies({ mirrors = [] }: HttpRoute): string {
  const parts = mirrors.map(({ destination, percentage }) => `${destination.subset} ${percentage?.value ?? 100}`);
  return parts.length === 0 ? '' : `, copies to ${parts.join(', ')}`;
}

/** Where requests go, route by route in their order: `chosen: v2; v1 50, v2 50`. Routes that lead to no pod are left out. */
export const shapeOf = ({ spec }: VirtualService): string =>
  spec.http
    .filter(({ route }) => route !== undefined)
    .map(route => `${isOurs(route) ? 'chosen: ' : ''}${destinations(route)}${copies(route)}`)
    .join('; ');

/** What Sluice has put into it besides the two destinations of its routes: nothing, unless a rollout is in progress. */
export const additionsTo = ({ spec }: VirtualService): readonly string[] =>
  spec.http.flatMap(route => [
    ...(isOurs(route) ? [`route ${route.name}`] : []),
    ...(route.mirrors === undefined ? [] : [`mirrors of ${route.name}`]),
    ...(JSON.stringify(route).includes('set-cookie') ? [`cookie of ${route.name}`] : []),
  ]);

/** All of the spec but the destinations. */
export const withoutDestinations = ({ spec }: VirtualService): unknown => ({
  ...spec,
  http: spec.http.map(({ route: _, ...rest }) => rest),
});
