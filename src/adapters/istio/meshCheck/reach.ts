import type { MeshFinding } from '../../../rollout/index.ts';
import { delegationsOf } from '../delegates.ts';
import { keyOf, type MeshObject } from '../resource.ts';
import { type HttpRoute, httpRoutesOf } from '../virtualService.ts';
import { finding } from './checks.ts';
import type { Ground, Holder, Steered } from './ground.ts';
import { type Block, blocksOf, contradicts, covers } from './matches.ts';

/** Do requests get as far as the steered routes? */
export const checkReach = (ground: Ground): readonly MeshFinding[] => [...checkOrder(ground), ...checkDelegates(ground)];

const describeRoute = ({ name, index }: HttpRoute): string => (name === undefined ? `http[${index}]` : `route "${name}"`);

type Shadow = { readonly route: HttpRoute; readonly by: HttpRoute; readonly block: number };

/** The blocks of a route that routes before it take, each with the first that does. */
const shadowsOf = (route: HttpRoute, object: MeshObject): readonly Shadow[] => {
  // A route that delegates takes only what its delegate has routes for, and those of ours stand before the steered one on purpose.
  const delegating = new Set(delegationsOf(object).map(delegation => delegation.route.index));
  const before = httpRoutesOf(object).filter(
    ({ index, name }) => index < route.index && !delegating.has(index) && name?.startsWith('sluice-') !== true,
  );
  return blocksOf(route).flatMap((block, index) => {
    const by = before.find(other => blocksOf(other).some(wide => covers(wide, block)));
    return by === undefined ? [] : [{ route, by, block: index }];
  });
};

const isWhole = (shadows: readonly Shadow[], routes: readonly HttpRoute[]): boolean =>
  routes.length > 0 && shadows.length === routes.reduce((sum, route) => sum + blocksOf(route).length, 0);

const checkOrder = ({ steered }: Ground): readonly MeshFinding[] => {
  const looks = steered.flatMap(({ object, key, routes, holders }) => {
    const inside = routes.flatMap(route => shadowsOf(route, object));
    const outside = holders.map(holder => ({ holder, shadows: shadowsOfRoot(holder) }));
    const isCut = holders.length > 0 && outside.every(({ holder, shadows }) => isWhole(shadows, holder.delegating));
    const own = { key, shadows: inside, isDead: isWhole(inside, routes) };
    const roots = outside.map(({ holder, shadows }) => ({ key: keyOf(holder.object), shadows, isDead: isCut }));
    return [{ isDead: own.isDead || isCut, parts: [own, ...roots] }];
  });
  const isNothingLeft = looks.length > 0 && looks.every(({ isDead }) => isDead);
  return looks.flatMap(({ parts }) =>
    parts.flatMap(({ key, shadows, isDead }) => {
      const [first] = shadows;
      if (first === undefined) return [];
      const object = `VirtualService ${key}`;
      const route = describeRoute(first.route);
      if (isNothingLeft && isDead) {
        const means = `${describeRoute(first.by)} stands before ${route} and takes every request that it could get, so its weights decide nothing`;
        return [finding('UnreachableRoute', object, `${means}; move ${route} before it, or remove ${describeRoute(first.by)}`)];
      }
      const what = shadows.map(({ route, block }) => `${describeRoute(route)} match[${block}]`).join(', ');
      const means = `${describeRoute(first.by)} takes all requests of ${what} before, so they do not follow the weights`;
      return [finding('IneffectiveMatch', object, `${means}; move ${route} before it, or remove the match`)];
    }),
  );
};

const shadowsOfRoot = ({ object, delegating }: Holder): readonly Shadow[] =>
  delegating.flatMap(route => shadowsOf(route, object));

const checkDelegates = ({ steered }: Ground): readonly MeshFinding[] => {
  const looks = steered.filter(isDelegate).map(part => ({ part, dropped: droppedBlocks(part) }));
  const isDead = ({ part, dropped }: (typeof looks)[number]): boolean =>
    dropped.length > 0 && dropped.length === part.routes.reduce((sum, route) => sum + blocksOf(route).length, 0);
  const isNothingLeft = looks.length === steered.length && looks.every(isDead);
  return looks.flatMap(look => {
    const [first] = look.dropped;
    if (first === undefined) return [];
    const { key, holders } = look.part;
    const roots = [...new Set(holders.map(({ object }) => keyOf(object)))].join(', ');
    const what = look.dropped.map(({ route, block }) => `${describeRoute(route)} match[${block}]`).join(', ');
    const means = `${what} is no part of what VirtualService ${roots} delegates to it, so Istio drops it`;
    const mend = 'make the match narrower than the one of its root, without regex where both name the same field';
    return isNothingLeft
      ? [finding('DelegateNotSubset', `VirtualService ${key}`, `${means} and no request would follow the weights; ${mend}`)]
      : [finding('DelegatePartlyIgnored', `VirtualService ${key}`, `${means}; ${mend}`)];
  });
};

const isDelegate = ({ holders }: Steered): boolean => holders.some(({ delegating }) => delegating.length > 0);

type Dropped = { readonly route: HttpRoute; readonly block: number };

const droppedBlocks = ({ routes, holders }: Steered): readonly Dropped[] => {
  const outer: readonly Block[] = holders.flatMap(({ delegating }) => delegating.flatMap(blocksOf));
  return routes.flatMap(route =>
    blocksOf(route).flatMap((leaf, block) => (outer.every(root => contradicts(root, leaf)) ? [{ route, block }] : [])),
  );
};
