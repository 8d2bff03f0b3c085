import { describe, expect, it } from 'vitest';
import { createIstioRouter } from '../../../src/adapters/istio/router.ts';
import { withRoutesWriter } from '../../../src/adapters/istio/routesWriter.ts';
import type { Rollout } from '../../../src/rollout/index.ts';
import { fakeMesh } from './fakeMesh.ts';
import { REVIEWS_RULE, virtualService } from './samples.ts';

type Entry = {
  readonly manager: string;
  readonly time?: string;
  readonly fields?: object;
  readonly subresource?: string;
  readonly operation?: string;
};

const ROUTES = { 'f:spec': { 'f:http': {} } };

const object = (...entries: readonly Entry[]) => ({
  metadata: {
    name: 'reviews',
    managedFields: entries.map(
      ({ manager, time = '2026-11-21T14:00:00Z', fields = ROUTES, subresource, operation = 'Update' }) => ({
        manager,
        operation,
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: fields,
        ...(subresource === undefined ? {} : { subresource }),
      }),
    ),
  },
});
const writer = (...entries: readonly Entry[]): unknown =>
  (withRoutesWriter(object(...entries)).metadata as { routesWriter?: unknown }).routesWriter;

describe('who wrote the routes last', () => {
  it('R26: the one that owns spec.http, whether it applied or updated', () => {
    expect(writer({ manager: 'argocd-controller' })).toBe('argocd-controller');
    expect(writer({ manager: 'kustomize-controller', operation: 'Apply' })).toBe('kustomize-controller');
  });

  it('R26: of several that wrote the same the latest, whatever their order', () => {
    const entries = [
      { manager: 'helm', time: '2026-11-21T14:00:01Z' },
      { manager: 'kubectl-edit', time: '2026-11-21T14:00:03Z' },
      { manager: 'argocd-controller', time: '2026-11-21T14:00:02Z' },
    ];
    expect(writer(...entries)).toBe('kubectl-edit');
    expect(writer(...entries.reverse())).toBe('kubectl-edit');
  });

  it('R26: nobody else as long as they are as we wrote them', () => {
    expect(writer({ manager: 'sluice' })).toBeUndefined();
    expect(writer({ manager: 'sluice' }, { manager: 'kubectl-edit', time: '2026-11-21T15:00:00Z' })).toBeUndefined();
  });

  it('R26: other fields and status do not count, nor entries without sense', () => {
    expect(writer({ manager: 'istiod', subresource: 'status' })).toBeUndefined();
    expect(writer({ manager: 'kubectl-annotate', fields: { 'f:metadata': { 'f:annotations': {} } } })).toBeUndefined();
    expect(writer({ manager: 'kubectl-edit', fields: { 'f:spec': { 'f:hosts': {} } } })).toBeUndefined();
    expect(withRoutesWriter({ metadata: { managedFields: 'x' } })).toEqual({ metadata: {} });
  });

  it('R26: nothing else is kept of managedFields, and everything else of the object', () => {
    const kept = withRoutesWriter({ ...object({ manager: 'helm' }), spec: { http: [] } });
    expect(kept).toEqual({ metadata: { name: 'reviews', routesWriter: 'helm' }, spec: { http: [] } });
  });

  it('R26: reaches the observation as the manager of the object', () => {
    const routes = virtualService('http: [{route: [{destination: {host: reviews, subset: v1}}]}]', { routesWriter: 'helm' });
    const rollout: Rollout = {
      uid: 'uid-1',
      namespace: 'bookinfo',
      name: 'reviews',
      generation: 1,
      spec: { version: 'v1', strategy: { canary: { steps: [] } } },
    };
    const found = createIstioRouter(fakeMesh([routes], [REVIEWS_RULE]).deps).resolve(rollout, []);
    expect(found).toMatchObject({ objects: [{ manager: 'helm' }] });
  });
});
