import type { Json, JsonObject } from './json.ts';
import { apiVersionOf, type Registry, type Resource } from './resources.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const groupVersions = (registry: Registry): Map<string, Set<string>> => {
  const groups = new Map<string, Set<string>>();
  for (const resource of registry.all()) {
    if (!resource.group) continue;
    const versions = groups.get(resource.group) ?? new Set<string>();
    for (const version of resource.versions) versions.add(version.name);
    groups.set(resource.group, versions);
  }
  return groups;
};

const groupBody = (name: string, versions: Iterable<string>): JsonObject => {
  const list = [...versions].map(version => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: list, preferredVersion: list[0] ?? {} };
};

const subresources = (resource: Resource): JsonObject[] => {
  const base = { singularName: '', namespaced: resource.namespaced };
  const status = { ...base, name: `${resource.plural}/status`, kind: resource.kind, verbs: ['get', 'patch', 'update'] };
  const scale = {
    ...base,
    name: `${resource.plural}/scale`,
    kind: 'Scale',
    group: 'autoscaling',
    version: 'v1',
    verbs: ['get', 'patch', 'update'],
  };
  return [...(resource.hasStatus ? [status] : []), ...(resource.hasScale ? [scale] : [])];
};

const resourceBody = (resource: Resource): JsonObject => ({
  name: resource.plural,
  singularName: resource.singular,
  namespaced: resource.namespaced,
  kind: resource.kind,
  verbs: resource.review ? ['create'] : VERBS,
  ...(resource.shortNames.length > 0 ? { shortNames: [...resource.shortNames] } : {}),
  ...(resource.categories.length > 0 ? { categories: [...resource.categories] } : {}),
});

const resourceList = (resources: readonly Resource[], groupVersion: string): JsonObject => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: resources.flatMap(resource => [resourceBody(resource), ...subresources(resource)]),
});

const VERSION: JsonObject = {
  major: '1',
  minor: '33',
  gitVersion: 'v1.33.0+sandbox',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

/** The little of OpenAPI v3 that tells kubectl that the server validates fields itself, and `kubectl explain` what custom kinds look like. */
function openApi(registry: Registry, groupVersion: string): JsonObject {
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const resource of registry.all()) {
    for (const version of resource.versions) {
      const own = apiVersionOf(resource, version.name);
      if (own !== groupVersion) continue;
      const root = resource.group ? `/apis/${own}` : `/api/${own}`;
      const path = `${root}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.plural}/{name}`;
      const gvk: JsonObject = { group: resource.group, version: version.name, kind: resource.kind };
      const parameters: Json[] = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(name => ({
        name,
        in: 'query',
        schema: { type: 'string' },
      }));
      const schema = version.schema ?? { type: 'object', description: 'The sandbox keeps no description of this kind.' };
      schemas[`${resource.group || 'core'}.${version.name}.${resource.kind}`] = {
        ...schema,
        'x-kubernetes-group-version-kind': [gvk],
      };
      paths[path] = {
        patch: { parameters, responses: {}, 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': gvk },
      };
    }
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.33.0' }, paths, components: { schemas } };
}

function openApiIndex(registry: Registry): JsonObject {
  const names = [
    'api/v1',
    ...[...groupVersions(registry)].flatMap(([group, versions]) => [...versions].map(version => `apis/${group}/${version}`)),
  ];
  return { paths: Object.fromEntries(names.map(name => [name, { serverRelativeURL: `/openapi/v3/${name}` }])) };
}

/** The document of a discovery path, or undefined when the path is not one. */
export function discover(registry: Registry, path: string): JsonObject | undefined {
  const groups = groupVersions(registry);
  const parts = path.split('/').filter(Boolean);
  if (path === '/version') return VERSION;
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (path === '/apis')
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups].map(([name, versions]) => groupBody(name, versions)) };
  if (path === '/api/v1')
    return resourceList(
      registry.all().filter(resource => !resource.group),
      'v1',
    );
  if (path === '/openapi/v3') return openApiIndex(registry);
  if (path.startsWith('/openapi/v3/')) return openApi(registry, parts.slice(3).join('/'));
  const [root, group = '', version] = parts;
  const served = groups.get(group);
  if (root !== 'apis' || !served) return undefined;
  if (parts.length === 2) return { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(group, served) };
  if (parts.length !== 3 || !version || !served.has(version)) return undefined;
  const resources = registry.all().filter(item => item.group === group && item.versions.some(item => item.name === version));
  return resourceList(resources, `${group}/${version}`);
}
