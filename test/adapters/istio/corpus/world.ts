import { fieldsOf, keyOf, listOf, type MeshObject } from '../../../../src/adapters/istio/resource.ts';
import { createIstioRouter } from '../../../../src/adapters/istio/router.ts';
import type { Position, Rollout, Routes, Target } from '../../../../src/rollout/index.ts';
import { routesDigest } from '../../../../src/rollout/mesh/routes.ts';
import { fakeMesh } from '../fakeMesh.ts';
import { position } from '../samples.ts';
import type { Case } from './read.ts';
import type { Steering } from './rules.ts';

const OWNER = { uid: 'uid-1', name: 'reviews' };
/** One write. */
export type Step = { readonly percent: number; readonly routes?: Routes; readonly stable?: string; readonly canary?: string };

/** The Rollout of a case. */
export const rolloutOf = ({ host, router, versionLabel }: Case): Rollout => ({
  uid: OWNER.uid,
  namespace: 'bookinfo',
  name: OWNER.name,
  generation: 1,
  spec: {
    version: 'v2',
    initialVersion: 'v1',
    host,
    versionLabel,
    router: { istio: router },
    strategy: { canary: { steps: [] } },
  },
});

const positionOf = (seq: number, weight: number, routes: Routes): Position => {
  const digest = routesDigest(routes);
  return { ...position(seq), weight, ...(digest === undefined ? {} : { routes: digest }) };
};

/** A mesh with the objects of a case and a router that steers them. */
export function open(one: Case) {
  const mesh = fakeMesh(one.virtualServices, one.rules);
  const router = createIstioRouter(mesh.deps);
  const resolved = router.resolve(rolloutOf(one), ['v1', 'v2']);
  if (resolved.kind === 'problem') throw new Error(`${one.name}: ${resolved.message}`);
  const target: Target = { ...resolved.target, stable: 'v1', canary: 'v2' };
  let seq = 0;
  const write = async ({ percent, routes = {}, stable = 'v1', canary = 'v2' }: Step) => {
    seq += 1;
    for (const object of target.virtualServices) {
      const resourceVersion = mesh.server.get(`VirtualService ${object}`)?.metadata?.resourceVersion ?? '';
      const request = { kind: 'setTraffic', target: { ...target, stable, canary }, object, resourceVersion } as const;
      await router.setTraffic({ ...request, weight: percent, routes, position: positionOf(seq, percent, routes) }, OWNER);
    }
  };
  const now = (): readonly MeshObject[] =>
    one.virtualServices.map(object => mesh.server.get(`VirtualService ${keyOf(object)}`) ?? object);
  return { mesh, router, target, write, now };
}

/** What is steered in a case, and which subset is which version. */
export function steeringOf(one: Case): Steering {
  const subsets = one.rules.flatMap(rule => listOf(fieldsOf(rule.spec)['subsets']).map(fieldsOf));
  return {
    host: one.fullHost,
    rollout: OWNER.name,
    versionOf: subset => {
      const found = subsets.find(({ name }) => name === subset);
      return String(fieldsOf(found?.['labels'])[one.versionLabel] ?? subset);
    },
    subsetOf: version => one.subsets[version] ?? version,
  };
}

export type World = ReturnType<typeof open>;
