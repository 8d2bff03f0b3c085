import { CoreV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { type ApiClient, apiClient, send, until } from '../client.ts';

const MAPS = '/api/v1/namespaces/weather/configmaps';
const TOYS = '/apis/example.com/v1/namespaces/weather/toys';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'toys.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'toys', singular: 'toy', kind: 'Toy', shortNames: ['ty'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: 'COLOUR', type: 'string', jsonPath: '.spec.colour' },
          { name: 'READY', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1 },
          { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['colour'],
                'x-kubernetes-validations': [
                  { rule: "!(has(self.name) && self.colour == 'blue')", message: 'blue toys have no name', fieldPath: '.name' },
                ],
                properties: {
                  colour: { type: 'string', enum: ['red', 'blue'] },
                  name: { type: 'string', minLength: 2, pattern: '^[a-z]+$' },
                  weight: { type: 'integer', minimum: 0, maximum: 100, default: 7 },
                  parts: { type: 'array', maxItems: 2, items: { type: 'object', properties: { size: { type: 'integer' } } } },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

const toy = (name: string, spec: object = { colour: 'red' }) => ({
  apiVersion: 'example.com/v1',
  kind: 'Toy',
  metadata: { name },
  spec,
});
const map = (name: string, data: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

describe('the Kubernetes API of the sandbox', () => {
  let sandbox: Sandbox;
  let api: ApiClient;

  beforeAll(async () => {
    sandbox = await startSandbox({ rate: 0 });
    api = apiClient(sandbox);
    expect((await api.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).code).toBe(201);
    await until(async () => {
      const found = await api.get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/toys.example.com');
      return found.body.status?.conditions?.some((item: { type: string }) => item.type === 'Established') || undefined;
    }, 'the definition to be established');
  });
  afterAll(() => sandbox.close());

  it('refuses a missing and a wrong token with a Status', async () => {
    expect(await send(`${sandbox.urls.api}/api/v1/namespaces`)).toMatchObject({
      code: 401,
      body: { kind: 'Status', reason: 'Unauthorized' },
    });
    const wrong = await send(`${sandbox.urls.api}/api/v1/namespaces`, { headers: { authorization: 'Bearer nope' } });
    expect(wrong.body).toMatchObject({ code: 401, status: 'Failure' });
  });

  it('works with the Kubernetes client over TLS', async () => {
    const config = new KubeConfig();
    config.loadFromString(sandbox.kubeconfig);
    const list = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: 'weather' });
    expect(list.items).toHaveLength(6);
    expect(list.items[0]?.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const custom = config.makeApiClient(CustomObjectsApi);
    const patched = await custom.patchNamespacedCustomObject({
      group: 'networking.istio.io',
      version: 'v1beta1',
      namespace: 'weather',
      plural: 'virtualservices',
      name: 'forecast',
      body: [{ op: 'test', path: '/spec/http/0/name', value: 'primary' }],
    });
    expect(patched).toMatchObject({ apiVersion: 'networking.istio.io/v1beta1', kind: 'VirtualService' });
  });

  it('describes itself', async () => {
    const resources = (await api.get('/apis/example.com/v1')).body.resources;
    expect(resources).toContainEqual(
      expect.objectContaining({ name: 'toys', kind: 'Toy', shortNames: ['ty'], categories: ['all'], namespaced: true }),
    );
    expect(resources).toContainEqual(expect.objectContaining({ name: 'toys/status' }));
    const groups = (await api.get('/apis')).body.groups.map((group: { name: string }) => group.name);
    expect(groups).toEqual(expect.arrayContaining(['apps', 'networking.istio.io', 'coordination.k8s.io', 'example.com']));
    expect((await api.get('/version')).body.major).toBe('1');
    expect((await api.get('/apis/nothing.example.com')).body).toMatchObject({ kind: 'Status', code: 404 });
  });

  it('creates, reads and refuses duplicates and strangers', async () => {
    const created = await api.post(MAPS, map('one', { a: '1' }));
    expect(created).toMatchObject({
      code: 201,
      body: { metadata: { name: 'one', namespace: 'weather', uid: expect.any(String) } },
    });
    expect((await api.post(MAPS, map('one'))).body).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "one" already exists',
    });
    expect((await api.get(`${MAPS}/two`)).body).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'configmaps "two" not found',
    });
    expect((await api.post('/api/v1/namespaces/nowhere/configmaps', map('x'))).body.message).toBe(
      'namespaces "nowhere" not found',
    );
    expect((await api.post(MAPS, map('Bad_Name'))).body).toMatchObject({ code: 422, reason: 'Invalid' });
    const generated = await api.post(MAPS, { ...map(''), metadata: { generateName: 'gen-' } });
    expect(generated.body.metadata.name).toMatch(/^gen-.{5}$/);
  });

  it('refuses a stale resourceVersion with 409 and needs one for custom resources', async () => {
    const { body } = await api.post(TOYS, toy('stale'));
    const changed = { ...body, spec: { colour: 'blue' } };
    expect((await api.put(`${TOYS}/stale`, changed)).code).toBe(200);
    const again = await api.put(`${TOYS}/stale`, changed);
    expect(again.body).toMatchObject({
      code: 409,
      reason: 'Conflict',
      details: { name: 'stale', group: 'example.com', kind: 'toys' },
    });
    expect(again.body.message).toMatch(
      /^Operation cannot be fulfilled on toys.example.com "stale": the object has been modified/,
    );
    const without = await api.put(`${TOYS}/stale`, toy('stale'));
    expect(without.body.message).toContain('metadata.resourceVersion: Invalid value: 0x0: must be specified for an update');
    const patch = await api.patch(`${TOYS}/stale`, 'merge', {
      metadata: { resourceVersion: body.metadata.resourceVersion },
      spec: { colour: 'red' },
    });
    expect(patch.body).toMatchObject({ code: 409, reason: 'Conflict' });
  });

  it('counts generations by the spec only, and keeps status apart', async () => {
    const { body } = await api.post(TOYS, { ...toy('counted'), status: { phase: 'Sneaked' } });
    expect(body).toMatchObject({ metadata: { generation: 1 }, spec: { weight: 7 } });
    expect(body.status).toBeUndefined();
    const labelled = await api.patch(`${TOYS}/counted`, 'merge', {
      metadata: { labels: { a: 'b' } },
      status: { phase: 'Sneaked' },
    });
    expect(labelled.body.metadata.generation).toBe(1);
    expect(labelled.body.status).toBeUndefined();
    const status = await api.patch(`${TOYS}/counted/status`, 'merge', { status: { phase: 'Good' }, spec: { colour: 'blue' } });
    expect(status.body).toMatchObject({ metadata: { generation: 1 }, spec: { colour: 'red' }, status: { phase: 'Good' } });
    const changed = await api.patch(`${TOYS}/counted`, 'merge', { spec: { colour: 'blue' } });
    expect(changed.body).toMatchObject({ metadata: { generation: 2 }, status: { phase: 'Good' } });
    const same = await api.patch(`${TOYS}/counted`, 'merge', { spec: { colour: 'blue' } });
    expect(same.body.metadata.resourceVersion).toBe(changed.body.metadata.resourceVersion);
  });

  it('answers a failed JSON Patch test with 422, and strategic merge on custom resources with 415', async () => {
    await api.post(TOYS, toy('patched'));
    const failed = await api.patch(`${TOYS}/patched`, 'json', [
      { op: 'test', path: '/spec/colour', value: 'blue' },
      { op: 'replace', path: '/spec/colour', value: 'blue' },
    ]);
    expect(failed.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(failed.body.message).toMatch(/^the server rejected our request due to an error in our request/);
    expect((await api.get(`${TOYS}/patched`)).body.spec.colour).toBe('red');
    const good = await api.patch(`${TOYS}/patched`, 'json', [
      { op: 'test', path: '/spec/colour', value: 'red' },
      { op: 'replace', path: '/spec/colour', value: 'blue' },
    ]);
    expect(good).toMatchObject({ code: 200, body: { spec: { colour: 'blue' } } });
    expect((await api.patch(`${TOYS}/patched`, 'strategic', {})).body).toMatchObject({
      code: 415,
      reason: 'UnsupportedMediaType',
    });
  });

  it('validates custom resources in the words of the API server, and prunes', async () => {
    const refused = async (spec: object) => (await api.post(TOYS, toy('bad', spec))).body.message;
    expect(await refused({})).toBe('Toy.example.com "bad" is invalid: spec.colour: Required value');
    expect(await refused({ colour: 'green' })).toContain(
      'spec.colour: Unsupported value: "green": supported values: "red", "blue"',
    );
    expect(await refused({ colour: 'red', weight: 101 })).toContain('spec.weight in body should be less than or equal to 100');
    expect(await refused({ colour: 'red', weight: 'x' })).toContain('spec.weight in body must be of type integer: "string"');
    expect(await refused({ colour: 'red', name: 'X' })).toMatch(
      /\[spec.name: .*at least 2 chars long, spec.name: .*should match '\^\[a-z\]\+\$'\]/,
    );
    expect(await refused({ colour: 'red', parts: [{}, {}, {}] })).toContain('spec.parts: Too many: 3: must have at most 2 items');
    expect(await refused({ colour: 'red', parts: [{ size: 'x' }] })).toContain('spec.parts[0].size');
    expect(await refused({ colour: 'blue', name: 'abc' })).toContain(
      'spec.name: Invalid value: "object": blue toys have no name',
    );
    const pruned = await api.post(TOYS, toy('pruned', { colour: 'red', extra: 1 }));
    expect(pruned.body.spec).toEqual({ colour: 'red', weight: 7 });
    const strict = await api.post(`${TOYS}?fieldValidation=Strict`, toy('strict', { colour: 'red', extra: 1 }));
    expect(strict.body).toMatchObject({
      code: 400,
      reason: 'BadRequest',
      message: expect.stringContaining('unknown field "spec.extra"'),
    });
  });

  it('applies server-side: owns, removes what is left out, and names who objects', async () => {
    const path = (manager: string, force = '') => `${TOYS}/applied?fieldManager=${manager}${force}`;
    const first = await api.patch(path('git'), 'apply', toy('applied', { colour: 'red', name: 'abc', weight: 5 }));
    expect(first.code).toBe(201);
    const second = await api.patch(path('git'), 'apply', toy('applied', { colour: 'red', name: 'abc', weight: 5 }));
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const removed = await api.patch(path('git'), 'apply', toy('applied', { colour: 'red', weight: 5 }));
    expect(removed.body.spec).toEqual({ colour: 'red', weight: 5 });
    await api.patch(`${TOYS}/applied?fieldManager=alice`, 'merge', {
      spec: { weight: 50 },
      metadata: { labels: { by: 'alice' } },
    });
    const refused = await api.patch(path('git'), 'apply', toy('applied', { colour: 'red', weight: 5 }));
    expect(refused.body).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "alice": .spec.weight',
    });
    const forced = await api.patch(path('git', '&force=true'), 'apply', toy('applied', { colour: 'red', weight: 5 }));
    expect(forced.body).toMatchObject({ spec: { weight: 5 }, metadata: { labels: { by: 'alice' } } });
    const managers = forced.body.metadata.managedFields.map(
      (entry: { manager: string; operation: string }) => `${entry.manager} ${entry.operation}`,
    );
    expect(managers).toEqual(expect.arrayContaining(['git Apply', 'alice Update']));
    expect((await api.patch(`${TOYS}/applied`, 'apply', toy('applied'))).body.message).toContain('fieldManager: Required value');
  });

  it('pages, selects and prints tables', async () => {
    for (const name of ['p1', 'p2', 'p3']) await api.post(MAPS, { ...map(name), metadata: { name, labels: { page: name } } });
    const first = (await api.get(`${MAPS}?limit=2&labelSelector=page`)).body;
    expect(first.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['p1', 'p2']);
    expect(first.metadata).toMatchObject({ remainingItemCount: 1 });
    const second = (await api.get(`${MAPS}?limit=2&labelSelector=page&continue=${first.metadata.continue}`)).body;
    expect(second.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['p3']);
    expect(second.metadata.continue).toBeUndefined();
    const names = async (query: string) =>
      (await api.get(`${MAPS}?${query}`)).body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    expect(await names('labelSelector=page%20in%20(p1,p3)')).toEqual(['p1', 'p3']);
    expect(await names('labelSelector=page,page!%3Dp1')).toEqual(['p2', 'p3']);
    expect(await names('fieldSelector=metadata.name%3Dp2')).toEqual(['p2']);
    await api.post(TOYS, toy('printed'));
    const table = (await api.get(`${TOYS}/printed`, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }))
      .body;
    expect(table.kind).toBe('Table');
    expect(table.columnDefinitions.map((column: { name: string; priority: number }) => [column.name, column.priority])).toEqual([
      ['Name', 0],
      ['COLOUR', 0],
      ['READY', 1],
      ['AGE', 0],
    ]);
    expect(table.rows[0].cells.slice(0, 3)).toEqual(['printed', 'red', null]);
    expect(table.rows[0].cells[3]).toMatch(/^\ds$/);
  });

  it('watches from a resourceVersion, with selectors and as a table', async () => {
    const start = (await api.get(MAPS)).body.metadata.resourceVersion;
    const seen = api.watch(`${MAPS}?watch=true&resourceVersion=${start}&labelSelector=w%3Dyes`, events => events.length >= 3);
    await api.post(MAPS, { ...map('w1'), metadata: { name: 'w1', labels: { w: 'yes' } } });
    await api.post(MAPS, map('w2'));
    await api.patch(`${MAPS}/w1`, 'merge', { data: { a: '1' } });
    await api.patch(`${MAPS}/w1`, 'merge', { metadata: { labels: { w: 'no' } } });
    expect((await seen).map(event => [event.type, event.object.metadata.name])).toEqual([
      ['ADDED', 'w1'],
      ['MODIFIED', 'w1'],
      ['DELETED', 'w1'],
    ]);
    const table = await api.watch(`${TOYS}?watch=true`, events => events.length > 0, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    expect(table[0]).toMatchObject({ type: 'ADDED', object: { kind: 'Table' } });
    const ended = await api.watch(
      `${MAPS}?watch=true&resourceVersion=${start}&timeoutSeconds=1&allowWatchBookmarks=true`,
      () => false,
    );
    expect(ended.at(-1)).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap' } });
  });

  it('says 410 Gone at the start of a watch, inside one, and to an old continue token', async () => {
    const page = (await api.get(`${MAPS}?limit=1`)).body.metadata;
    const inside = api.watch(`${MAPS}?watch=true&resourceVersion=${page.resourceVersion}`, events =>
      events.some(event => event.type === 'ERROR'),
    );
    await api.post(MAPS, map('before-compaction'));
    sandbox.control.compact();
    await api.post(MAPS, map('after-compaction'));
    const last = (await inside).at(-1);
    expect(last).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect((await api.get(`${MAPS}?watch=true&resourceVersion=${page.resourceVersion}`)).body).toMatchObject({
      code: 410,
      reason: 'Expired',
    });
    expect((await api.get(`${MAPS}?limit=1&continue=${page.continue}`)).body).toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('waits for finalizers, honours preconditions, and collects what owners leave behind', async () => {
    const owner = (await api.post(TOYS, { ...toy('owner'), metadata: { name: 'owner', finalizers: ['example.com/hold'] } })).body;
    const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Toy', name: 'owner', uid: owner.metadata.uid }];
    await api.post(MAPS, { ...map('owned'), metadata: { name: 'owned', ownerReferences } });
    expect((await api.remove(`${TOYS}/owner`, { preconditions: { uid: 'other' } })).body).toMatchObject({ code: 409 });
    expect((await api.remove(`${TOYS}/owner`)).body.metadata.deletionTimestamp).toEqual(expect.any(String));
    expect((await api.get(`${MAPS}/owned`)).code).toBe(200);
    await api.patch(`${TOYS}/owner`, 'merge', { metadata: { finalizers: null } });
    expect((await api.get(`${TOYS}/owner`)).code).toBe(404);
    await until(async () => ((await api.get(`${MAPS}/owned`)).code === 404 ? true : undefined), 'the owned object to go');
  });

  it('empties a namespace that is deleted', async () => {
    await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'short' } });
    await api.post('/api/v1/namespaces/short/configmaps', map('inside'));
    expect((await api.remove('/api/v1/namespaces/short')).body.status.phase).toBe('Terminating');
    await until(async () => ((await api.get('/api/v1/namespaces/short')).code === 404 ? true : undefined), 'the namespace to go');
    expect((await api.get('/api/v1/namespaces/short/configmaps/inside')).code).toBe(404);
  });

  it('refuses what the webhook of istiod refuses', async () => {
    const path = '/apis/networking.istio.io/v1/namespaces/weather/virtualservices/forecast';
    const route = ['v1', 'v2'].map(subset => ({ destination: { host: 'forecast', subset }, weight: 0 }));
    const zero = await api.patch(path, 'merge', { spec: { http: [{ name: 'primary', route }] } });
    expect(zero.body).toMatchObject({ code: 400, message: expect.stringContaining('total destination weight = 0') });
    const prefix = await api.patch(path, 'json', [
      { op: 'add', path: '/spec/http/0/match', value: [{ headers: { 'end-user': { prefix: '' } } }] },
    ]);
    expect(prefix.body).toMatchObject({ code: 400, message: expect.stringContaining('should not be empty') });
  });

  it('merges the lists of built-in kinds by key', async () => {
    const path = '/apis/apps/v1/namespaces/weather/deployments/forecast-v3';
    const patched = await api.patch(path, 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'forecast', env: [{ name: 'A', value: '1' }] }] } } },
    });
    const [container] = patched.body.spec.template.spec.containers;
    expect(container).toMatchObject({
      image: expect.stringContaining('v3'),
      env: [{ name: 'A', value: '1' }],
      ports: [{ containerPort: 3002 }],
    });
  });

  it('fails as it is told to, and recovers on the same port', async () => {
    await sandbox.control.setOutage('api', 'refuse');
    await expect(send(`${sandbox.urls.api}/version`)).rejects.toThrow(/ECONNREFUSED/);
    await sandbox.control.setOutage('api', 'error500');
    expect((await send(`${sandbox.urls.api}/version`)).code).toBe(500);
    await sandbox.control.setOutage('api', 'ok');
    expect((await api.get('/version')).code).toBe(200);
  });
});
