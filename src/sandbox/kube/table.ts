import { at, type Json, type JsonObject, type KubeObject, listOf, objectOf, stringOf } from './json.ts';
import { compileJsonPath } from './jsonpath.ts';
import type { Resource } from './resources.ts';

interface TableColumn {
  readonly definition: JsonObject;
  readonly cell: (object: KubeObject) => Json;
}

const column = (name: string, cell: (object: KubeObject) => Json, type = 'string', priority = 0): TableColumn => ({
  definition: { name, type, format: name === 'Name' ? 'name' : '', description: '', priority },
  cell,
});

/** A duration as kubectl shows ages: 42s, 3m10s, 5h, 2d3h. */
function shortDuration(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 ? `${hours}h${minutes % 60}m` : `${hours}h`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 && hours % 24 ? `${days}d${hours % 24}h` : `${days}d`;
}

const ageOf = (time: unknown): Json => {
  const at = Date.parse(stringOf(time) ?? '');
  return Number.isNaN(at) ? '<unknown>' : shortDuration(Date.now() - at);
};

const name = column('Name', object => object.metadata.name);
const age = column('Age', object => ageOf(object.metadata.creationTimestamp));
const count = (object: KubeObject, ...path: string[]) => at(object, ...path) ?? 0;
const ready = (object: KubeObject) => {
  const containers = listOf(at(object, 'status', 'containerStatuses'));
  return `${containers.filter(item => objectOf(item)['ready'] === true).length}/${containers.length}`;
};
const ports = (object: KubeObject) =>
  listOf(at(object, 'spec', 'ports'))
    .map(port => `${objectOf(port)['port']}/${objectOf(port)['protocol'] ?? 'TCP'}`)
    .join(',');

const BUILT_IN: { readonly [id: string]: readonly TableColumn[] } = {
  pods: [
    name,
    column('Ready', ready),
    column('Status', object =>
      object.metadata.deletionTimestamp ? 'Terminating' : (at(object, 'status', 'phase') ?? 'Pending'),
    ),
    column('Restarts', () => '0'),
    age,
    column('IP', object => at(object, 'status', 'podIP') ?? '<none>', 'string', 1),
    column('Node', object => at(object, 'spec', 'nodeName') ?? '<none>', 'string', 1),
  ],
  'deployments.apps': [
    name,
    column('Ready', object => `${count(object, 'status', 'readyReplicas')}/${count(object, 'spec', 'replicas')}`),
    column('Up-to-date', object => count(object, 'status', 'updatedReplicas'), 'integer'),
    column('Available', object => count(object, 'status', 'availableReplicas'), 'integer'),
    age,
  ],
  'replicasets.apps': [
    name,
    column('Desired', object => count(object, 'spec', 'replicas'), 'integer'),
    column('Current', object => count(object, 'status', 'replicas'), 'integer'),
    column('Ready', object => count(object, 'status', 'readyReplicas'), 'integer'),
    age,
  ],
  services: [
    name,
    column('Type', object => at(object, 'spec', 'type') ?? ''),
    column('Cluster-IP', object => at(object, 'spec', 'clusterIP') ?? '<none>'),
    column('External-IP', () => '<none>'),
    column('Port(s)', ports),
    age,
  ],
  namespaces: [name, column('Status', object => at(object, 'status', 'phase') ?? ''), age],
  configmaps: [name, column('Data', object => Object.keys(objectOf(object['data'])).length, 'integer'), age],
  events: [
    column('Last Seen', object => ageOf(object['lastTimestamp'] ?? object['eventTime'] ?? object.metadata.creationTimestamp)),
    column('Type', object => object['type'] ?? ''),
    column('Reason', object => object['reason'] ?? ''),
    column(
      'Object',
      object =>
        `${String(at(object, 'involvedObject', 'kind') ?? '').toLowerCase()}/${at(object, 'involvedObject', 'name') ?? ''}`,
    ),
    column('Message', object => object['message'] ?? ''),
  ],
  'leases.coordination.k8s.io': [name, column('Holder', object => at(object, 'spec', 'holderIdentity') ?? ''), age],
  'customresourcedefinitions.apiextensions.k8s.io': [
    name,
    column('Created At', object => object.metadata.creationTimestamp ?? '', 'date'),
  ],
  'virtualservices.networking.istio.io': [
    name,
    column('Gateways', object => JSON.stringify(listOf(at(object, 'spec', 'gateways')))),
    column('Hosts', object => JSON.stringify(listOf(at(object, 'spec', 'hosts')))),
    age,
  ],
  'destinationrules.networking.istio.io': [name, column('Host', object => at(object, 'spec', 'host') ?? ''), age],
};

function customCell(type: string, path: string): (object: KubeObject) => Json {
  const read = compileJsonPath(path);
  return object => {
    const values = read(object);
    const value = values[0];
    if (value === undefined || value === null) return type === 'date' ? '<unknown>' : null;
    if (type === 'date') return ageOf(value);
    if (values.length > 1) return values.map(item => (typeof item === 'string' ? item : JSON.stringify(item))).join(',');
    if (type === 'integer' || type === 'number' || type === 'boolean') return value;
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
}

function columnsOf(resource: Resource, version: string): readonly TableColumn[] {
  const declared = resource.versions.find(served => served.name === version)?.columns ?? [];
  const builtIn = BUILT_IN[resource.id];
  if (builtIn) return builtIn;
  if (declared.length === 0) return [name, age];
  const custom = declared.map(item => ({
    definition: {
      name: item.name,
      type: item.type,
      format: item.format ?? '',
      description: item.description,
      priority: item.priority,
    },
    cell: customCell(item.type, item.jsonPath),
  }));
  return [name, ...custom];
}

const rowObject = (object: KubeObject, include: string): JsonObject | null => {
  if (include === 'None') return null;
  if (include === 'Object') return object;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
};

/** What kubectl prints, as a meta.k8s.io/v1 Table. `include` is the request's includeObject. */
export function toTable(
  view: { resource: Resource; version: string; include: string },
  objects: readonly KubeObject[],
  listMeta: JsonObject,
): JsonObject {
  const columns = columnsOf(view.resource, view.version);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMeta,
    columnDefinitions: columns.map(item => item.definition),
    rows: objects.map(object => ({ cells: columns.map(item => item.cell(object)), object: rowObject(object, view.include) })),
  };
}

/** True when the Accept header asks for a Table first. */
export function wantsTable(accept: string | undefined): boolean {
  const first = (accept ?? '').split(',')[0] ?? '';
  return first.includes('as=Table') && first.includes('v=v1');
}
