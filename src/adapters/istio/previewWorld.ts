import { applyPatch } from 'rfc6902';
import { type Owner, SystemError } from '../../controller/ports.ts';
import type { Position, Rollout } from '../../rollout/index.ts';
import { type MeshCaches, ruleOf } from './observe.ts';
import type { Move } from './previewCourse.ts';
import { getByKey, type JsonPatchOperation, keyOf, type MeshObject, type ObjectCache } from './resource.ts';
import { subsetWrite, trafficOperations } from './router.ts';

/** Objects that have been written here, over what the caches hold; nothing leaves this process. */
export type PreviewWorld = MeshCaches & {
  /** The world after a move, worked out by what would write it. Throws SystemError where that would be refused. */
  after(move: Move, rollout: Rollout): PreviewWorld;
};

/** Objects by `namespace/name`. */
type Written = ReadonlyMap<string, MeshObject>;

type Layer = { readonly virtualServices: Written; readonly destinationRules: Written };

const NONE: Layer = { virtualServices: new Map(), destinationRules: new Map() };

/** A world that begins as the caches are. */
export const createPreviewWorld = (caches: MeshCaches, nowMs: number): PreviewWorld => layered(caches, NONE, nowMs);

const layered = (caches: MeshCaches, layer: Layer, nowMs: number): PreviewWorld => {
  const world: MeshCaches = {
    virtualServices: overlaid(caches.virtualServices, layer.virtualServices),
    destinationRules: overlaid(caches.destinationRules, layer.destinationRules),
  };
  return {
    ...world,
    after: (move, rollout) => layered(caches, written(world, layer, { move, rollout, nowMs }), nowMs),
  };
};

const overlaid = (cache: ObjectCache, layer: Written): ObjectCache => ({
  get: (namespace, name) => layer.get(`${namespace}/${name}`) ?? cache.get(namespace, name),
  list: () => [...cache.list()].map(object => layer.get(keyOf(object)) ?? object),
  // nobody is told, and nobody who listens would be forgotten again
  onChange: () => undefined,
  put: () => undefined,
});

type Writing = { readonly move: Move; readonly rollout: Rollout; readonly nowMs: number };

/** The subset first, then the routes, as it would be done. */
const written = (world: MeshCaches, layer: Layer, writing: Writing): Layer => {
  const ruled = withSubset(world, layer, writing);
  const caches = { ...world, destinationRules: overlaid(world.destinationRules, ruled.destinationRules) };
  const { target } = writing.move;
  const rule = ruleOf(target, caches.destinationRules);
  const virtualServices = new Map(layer.virtualServices);
  for (const key of target.virtualServices) {
    const object = getByKey(caches.virtualServices, key);
    if (object !== undefined)
      virtualServices.set(key, withTraffic(object, rule, { ...writing, key, all: caches.virtualServices }));
  }
  return { ...ruled, virtualServices };
};

/** Whoever gets traffic has a subset, and the one who gets it back has one already. */
const withSubset = (world: MeshCaches, layer: Layer, { move, rollout }: Writing): Layer => {
  if (move.kind === 'back' || move.kind === 'wayBack') return layer;
  const { target } = move;
  const { rule, operations } = subsetWrite(world, target, target.canary);
  if (operations.length === 0) return layer;
  if (rollout.spec.router?.istio?.createMissing === 'none') {
    const reason = `it has none, and spec.router.istio.createMissing is none; add it`;
    throw new SystemError('istio', `using subset ${target.canary} of DestinationRule ${keyOf(rule)}`, 'refused', reason);
  }
  const destinationRules = new Map(layer.destinationRules);
  destinationRules.set(keyOf(rule), patched(rule, operations, `adding subset ${target.canary}`));
  return { ...layer, destinationRules };
};

const withTraffic = (
  object: MeshObject,
  rule: MeshObject | undefined,
  { move, rollout, nowMs, key, all }: Writing & { readonly key: string; readonly all: ObjectCache },
): MeshObject => {
  const { target, traffic } = move;
  const operation = `setting ${traffic.weight} % in VirtualService ${key}`;
  const owner: Owner = rollout;
  const { weight, ...routes } = traffic;
  const request = {
    kind: 'setTraffic',
    target,
    object: key,
    resourceVersion: object.metadata?.resourceVersion ?? '',
    weight,
    routes,
    position: positionOf(move, rollout, nowMs),
  } as const;
  return patched(object, trafficOperations(object, rule, { request, owner, operation, all }), operation);
};

/** What is ours is known again by it at the next move; nobody sees it. */
const positionOf = ({ kind, step = 0, traffic }: Move, { status }: Rollout, nowMs: number): Position => ({
  seq: (status?.seq ?? 0) + 1,
  revision: status?.revision ?? '',
  plan: status?.planHash ?? '',
  step,
  weight: traffic.weight,
  state: kind === 'step' || kind === 'end' ? 'raised' : 'safe',
  reason: 'StepEntered',
  time: new Date(nowMs).toISOString(),
  epoch: 0,
});

const patched = (object: MeshObject, operations: readonly JsonPatchOperation[], operation: string): MeshObject => {
  const copy = sent(object);
  const failed = applyPatch(copy, [...sent(operations)]).find(result => result !== null);
  if (failed !== undefined) throw new SystemError('istio', operation, 'badAnswer', failed.message, { cause: failed });
  return copy;
};

/** As it arrives: parts that are one object here are several there. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
