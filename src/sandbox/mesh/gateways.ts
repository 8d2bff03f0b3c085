import { at, type KubeObject, listOf, numberOf, objectOf, stringOf, stringsOf } from '../kube/json.ts';
import type { ProxyIdentity } from './match.ts';

/** The proxy that plays the gateway: its labels are those of Istio's ingress gateway. */
export const GATEWAY = {
  workload: 'gateway',
  namespace: 'istio-system',
  pod: 'gateway-1',
  labels: { istio: 'ingressgateway', app: 'gateway' },
} as const;

/** One server of a Gateway object. */
interface GatewayServer {
  readonly port: number;
  /** Hosts, each for VirtualServices of one namespace or of all (`*`). */
  readonly hosts: readonly { readonly namespace: string; readonly pattern: string }[];
}

/** The servers of Gateway objects that select our gateway, by `namespace/name`. */
export type Gateways = ReadonlyMap<string, readonly GatewayServer[]>;

/** A gateway's name in full: `namespace/name`, from `name`, `./name` or the old `name.namespace.svc...`; `mesh` stays. */
export function gatewayName(name: string, namespace: string): string {
  if (name === 'mesh') return name;
  if (name.startsWith('./')) return `${namespace}/${name.slice(2)}`;
  if (name.includes('/')) return name;
  const [first = '', second] = name.split('.');
  return `${second ?? namespace}/${first}`;
}

function serverOf(value: unknown, namespace: string): GatewayServer {
  const hosts = listOf(at(value, 'hosts')).map(host => {
    const [where = '', pattern] = (stringOf(host) ?? '').toLowerCase().split('/');
    if (pattern === undefined) return { namespace: '*', pattern: where };
    return { namespace: where === '.' ? namespace : where, pattern };
  });
  return { port: numberOf(at(value, 'port', 'number')) ?? 80, hosts };
}

/** Reads Gateway objects; those that select other gateways are left out. */
export function gatewaysOf(objects: readonly KubeObject[]): Gateways {
  const labels: { readonly [label: string]: string } = GATEWAY.labels;
  const ours = objects.filter(item =>
    Object.entries(stringsOf(at(item, 'spec', 'selector'))).every(([key, value]) => labels[key] === value),
  );
  return new Map(
    ours.map(({ metadata, spec }) => {
      const { name, namespace = '' } = metadata;
      return [`${namespace}/${name}`, listOf(objectOf(spec)['servers']).map(server => serverOf(server, namespace))];
    }),
  );
}

/** What match conditions know of our gateway, for one name and port under which it serves. */
export const gatewayIdentity = (gateway: string, port: number): ProxyIdentity => ({
  gateway,
  port,
  labels: GATEWAY.labels,
  namespace: GATEWAY.namespace,
});
