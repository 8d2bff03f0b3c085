import type { MeshFinding } from '../../../rollout/index.ts';
import { fieldsOf } from '../resource.ts';
import { finding } from './checks.ts';
import { type Ground, MESH } from './ground.ts';
import type { MeshPort } from './world.ts';

/** Sidecars apply http routes to ports that speak HTTP; a gateway does so by its own server's protocol. */
export const checkPorts = (ground: Ground): readonly MeshFinding[] => {
  const { entrances, place, service } = ground;
  const isMesh = entrances.some(({ gateway }) => gateway === MESH);
  if (!isMesh || place === undefined || service === undefined) return [];
  const ports = usedPorts(ground);
  const kinds = ports.map(spokenOn);
  if (ports.length === 0 || kinds.includes('http')) return [];
  const object = `Service ${place.namespace}/${place.name}`;
  const names = ports.map(describePort).join(', ');
  const mend = 'name the port http, http2 or grpc, or set its appProtocol';
  const isOther = kinds.every(kind => kind === 'other');
  if (isOther && entrances.every(({ gateway }) => gateway === MESH)) {
    const means = `${names} is not declared as HTTP, so sidecars apply no http route and no request would follow the weights`;
    return [finding('PortNotHttp', object, `${means}; ${mend}`)];
  }
  const means = isOther
    ? `${names} is not declared as HTTP, so only requests that come by a gateway follow the weights`
    : `${names} does not say what it speaks, so sidecars guess, and connections that they take for TCP do not follow the weights`;
  return [finding('PortUnclear', object, `${means}; ${mend}`)];
};

/** Those that the destinations of the steered routes name; else all of the Service. */
const usedPorts = ({ service, steered, target }: Ground): readonly MeshPort[] => {
  const all = (service?.ports ?? []).filter(({ protocol }) => protocol !== 'UDP');
  const numbers = steered.flatMap(({ routes }) =>
    routes.flatMap(({ destinations }) =>
      destinations.flatMap(({ host, port }) => (host === target.host ? [fieldsOf(port)['number']] : [])),
    ),
  );
  return numbers.includes(undefined) ? all : all.filter(({ port }) => numbers.includes(port));
};

const HTTP = ['http', 'http2', 'grpc', 'grpc-web', 'kubernetes.io/h2c', 'kubernetes.io/ws'];
const OTHER = ['tcp', 'tls', 'https', 'udp', 'mongo', 'mysql', 'redis', 'kubernetes.io/wss'];
/** Ports on which the server speaks first: nobody guesses there. */
const SERVER_FIRST = [25, 53, 3306, 27017];

/** What Istio takes a port for: `appProtocol` first, else the name up to the first hyphen. */
const spokenOn = ({ name = '', appProtocol, port }: MeshPort): 'http' | 'other' | 'unclear' => {
  const said = (appProtocol ?? name).toLowerCase();
  const word = said.startsWith('grpc-web') ? 'grpc-web' : said.includes('/') ? said : (said.split('-')[0] ?? '');
  if (HTTP.includes(word)) return 'http';
  if (OTHER.includes(word)) return 'other';
  return said === '' && port !== undefined && SERVER_FIRST.includes(port) ? 'other' : 'unclear';
};

const describePort = ({ name, appProtocol, port }: MeshPort): string => {
  const said = [...(name ? [`named ${name}`] : []), ...(appProtocol ? [`appProtocol ${appProtocol}`] : [])];
  return `port ${port ?? ''}${said.length === 0 ? ' without a name' : ` (${said.join(', ')})`}`;
};
