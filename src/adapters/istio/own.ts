import { createHash } from 'node:crypto';
import type { Rollout } from '../../rollout/index.ts';
import { ourCookieIn, withoutOurCookie } from './cookie.ts';
import { type MirrorMark, mirrorIn, withoutMirror } from './mirrorEntry.ts';
import { type OwnRecord, otherRecordsOf, positionOf, recordOf } from './position.ts';
import { type Fields, type MeshObject, namespaceOf } from './resource.ts';
import { type HttpRoute, httpRouteOf, httpRoutesOf, isHeaderRoute, steeredRoutes } from './virtualService.ts';

/** Whose routes are looked for. */
type Owning = {
  readonly uid: string;
  /** Name of the Rollout. */
  readonly rollout: string;
  /** Full name. */
  readonly host: string;
  /** Names of the steered http routes, as in the target. */
  readonly routes: readonly string[];
  /** Subset to which our mirror leads if it stands; counts only when the annotation was lost. */
  readonly mirrored?: string;
};

/** What of a VirtualService stands there because of us, beside weights. */
export type Own = {
  readonly steered: readonly HttpRoute[];
  /** Http routes of ours. */
  readonly routes: readonly HttpRoute[];
  readonly mirror: MirrorMark;
  /** Name of the cookie, as we recorded it. */
  readonly cookie?: string;
};

/** What the name of an http route of ours begins with, which belongs to this steered route (R27). */
export const ownName = (rollout: string, steered: string | undefined): string => `sluice-${rollout}-${steered ?? 'unnamed'}`;

/** How routes that look at the cookie are told apart from header routes, and further ones of a name from the first. */
const ENDING = /^(?:-cookie-(?:canary|stable(?:-\d+)?))?(?:-\d+)?$/;

/**
 * Http routes are ours when we recorded them, or when they lead to our host and are named as ours would be (the record was
 * lost) and no other Rollout recorded them.
 */
export function ownIn(
  virtualService: MeshObject,
  { mirrored, ...owning }: Owning,
  record: Omit<OwnRecord, 'written'> | undefined = recordOf(virtualService, owning.uid) ??
    lostRecord(virtualService, owning, mirrored),
): Own {
  const { uid, rollout, host, routes: names } = owning;
  const steered = steeredRoutes(virtualService, host, names);
  const others = otherRecordsOf(virtualService, uid).filter(other => other.rollout !== rollout);
  const stems = [...steered.map(({ name }) => name), ...names].map(name => ownName(rollout, name));
  const isNamedLikeOurs = (name: string) => stems.some(stem => name.startsWith(stem) && ENDING.test(name.slice(stem.length)));
  const isOurs = (route: HttpRoute): boolean => {
    const { name } = route;
    if (name === undefined || steered.some(({ index }) => index === route.index)) return false;
    if (record?.http.includes(name) === true) return true;
    if (!isHeaderRoute(route) || !isNamedLikeOurs(name) || others.some(({ http }) => http.includes(name))) return false;
    return route.destinations.some(destination => destination.host === host);
  };
  return {
    steered,
    routes: httpRoutesOf(virtualService).filter(isOurs),
    mirror: { host, namespace: namespaceOf(virtualService), ...(record?.mirror === undefined ? {} : { subset: record.mirror }) },
    ...(record?.cookie === undefined ? {} : { cookie: record.cookie }),
  };
}

/** A mirror has no name: what tells of it is the status, or the record of a Rollout of this name that was deleted and kept it. */
function lostRecord(
  virtualService: MeshObject,
  { uid, rollout }: Owning,
  mirrored: string | undefined,
): Omit<OwnRecord, 'written'> | undefined {
  if (positionOf(virtualService, uid) !== undefined) return undefined;
  const former = otherRecordsOf(virtualService, uid).findLast(other => other.rollout === rollout && other.mirror !== undefined);
  const mirror = mirrored ?? former?.mirror;
  return mirror === undefined ? undefined : { rollout, http: [], mirror };
}

/** The version to which copies have been meant to go in this attempt, as the status knows it. */
export const mirroredVersion = ({ status }: Pick<Rollout, 'status'>): string | undefined => {
  const entered = status?.plan?.steps.slice(0, status.step?.index ?? 0) ?? [];
  return entered.some(({ mirror }) => mirror !== undefined) ? status?.target?.canary : undefined;
};

/** A steered route as it would be without us, but for the weights. */
export function bareOf(route: HttpRoute, own: Own): HttpRoute {
  const fields = withoutMirror(route.fields, own.mirror);
  const destinations = route.destinations.map(({ host, fields: entry }) =>
    host === own.mirror.host ? withoutOurCookie(entry, own.cookie) : entry,
  );
  return httpRouteOf({ ...fields, route: destinations }, route.index, own.mirror.namespace);
}

/**
 * A digest of all that is ours: our http routes, their order among themselves and towards the steered ones, our mirror
 * entries and cookies. `undefined`: nothing of ours is there. Changes of users' own parts do not change it.
 */
export function digestOfOwn({ steered, routes, mirror, cookie }: Own): string | undefined {
  const inSteered = steered.map(route => ({ route, part: partIn(route, mirror, cookie) }));
  if (routes.length === 0 && inSteered.every(({ part }) => part === undefined)) return undefined;
  const parts = [
    ...inSteered.map(({ route, part }) => ({ index: route.index, part: part ?? null })),
    ...routes.map(({ index, fields }) => ({ index, part: fields })),
  ];
  const inOrder = parts.sort((a, b) => a.index - b.index).map(({ part }) => part);
  return createHash('sha256').update(JSON.stringify(inOrder, sortedKeys)).digest('hex').slice(0, 16);
}

/** The server may return keys in another order. */
const sortedKeys = (_key: string, value: unknown): unknown =>
  isPlain(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;

const isPlain = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function partIn(route: HttpRoute, mark: MirrorMark, cookie: string | undefined): unknown {
  const mirror = mirrorIn(route.fields, mark);
  const cookies = route.destinations.flatMap(({ host, subset, fields }) => {
    const text = host === mark.host ? ourCookieIn(fields, cookie) : undefined;
    return text === undefined ? [] : [`${subset ?? ''} ${text}`];
  });
  return mirror === undefined && cookies.length === 0 ? undefined : { mirror, cookies: cookies.sort() };
}
