import { createIstioRouter } from '../adapters/istio/router.ts';
import { FIELD_MANAGER, withRoutesWriter } from '../adapters/istio/routesWriter.ts';
import { withoutManagedFields } from '../adapters/kubernetes/cache.ts';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { createInformer, type Informer } from '../adapters/kubernetes/informer.ts';
import { toPod, toService } from '../adapters/kubernetes/pods.ts';
import { type KubeObject, PODS, type Resource, ROLLOUTS, SERVICES } from '../adapters/kubernetes/resources.ts';
import type { Config } from '../config/load.ts';
import { type Clock, type Logger, type Router, SystemError } from '../controller/ports.ts';

/** One watch for each kind of object that decisions need. */
export type Informers = {
  readonly rollouts: Informer<KubeObject>;
  readonly virtualServices: Informer<KubeObject>;
  readonly destinationRules: Informer<KubeObject>;
  readonly pods: Informer<ReturnType<typeof toPod>>;
  readonly services: Informer<ReturnType<typeof toService>>;
};

const istioResource = (version: string, plural: string): Resource => ({
  group: 'networking.istio.io',
  version,
  plural,
  namespaced: true,
});

export const createInformers = (
  { watchNamespaces: namespaces }: Config,
  client: KubeClient,
  istio: string,
  logger: Logger,
): Informers => {
  const common = { client, namespaces, logger };
  const whole = { ...common, transform: withoutManagedFields };
  return {
    rollouts: createInformer({ ...whole, resource: ROLLOUTS }),
    virtualServices: createInformer({
      ...common,
      resource: istioResource(istio, 'virtualservices'),
      transform: withRoutesWriter,
    }),
    destinationRules: createInformer({ ...whole, resource: istioResource(istio, 'destinationrules') }),
    pods: createInformer({ ...common, resource: PODS, transform: toPod }),
    services: createInformer({ ...common, resource: SERVICES, transform: toService }),
  };
};

export const createRouter = (
  client: KubeClient,
  { virtualServices, destinationRules }: Informers,
  { istio, clock }: { istio: string; clock: Clock },
): Router => {
  const resources = {
    VirtualService: istioResource(istio, 'virtualservices'),
    DestinationRule: istioResource(istio, 'destinationrules'),
  };
  return createIstioRouter({
    virtualServices,
    destinationRules,
    clock,
    patch: (kind, namespace, name, operations) =>
      client.jsonPatch(resources[kind], { namespace, name }, operations, { fieldManager: FIELD_MANAGER }),
    refresh: async (kind, namespace, name) => {
      try {
        return await client.get(resources[kind], { namespace, name });
      } catch (error) {
        if (error instanceof SystemError && error.kind === 'notFound') return undefined;
        throw error;
      }
    },
  });
};
