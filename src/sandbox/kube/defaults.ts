import { createHash } from 'node:crypto';
import { type Json, type JsonObject, type KubeObject, listOf, objectOf } from './json.ts';
import type { Resource } from './resources.ts';

const containerDefaults = (value: Json): Json => ({
  imagePullPolicy: 'IfNotPresent',
  terminationMessagePath: '/dev/termination-log',
  ...objectOf(value),
});

function podSpecDefaults(value: unknown): JsonObject {
  const spec = objectOf(value);
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    ...spec,
    containers: listOf(spec['containers']).map(containerDefaults),
  };
}

function serviceDefaults(object: KubeObject): JsonObject {
  const spec = objectOf(object['spec']);
  const digest = createHash('sha256').update(`${object.metadata.namespace}/${object.metadata.name}`).digest();
  const ports = listOf(spec['ports']).map(value => {
    const port = objectOf(value);
    return { protocol: 'TCP', targetPort: port['port'] ?? 80, ...port };
  });
  return { type: 'ClusterIP', clusterIP: `10.96.${digest[0]}.${digest[1]}`, sessionAffinity: 'None', ...spec, ports };
}

function deploymentDefaults(object: KubeObject): JsonObject {
  const spec = objectOf(object['spec']);
  const template = objectOf(spec['template']);
  return {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    ...spec,
    template: { ...template, spec: podSpecDefaults(template['spec']) },
  };
}

/** Fills in what the API server fills in for built-in kinds, as far as readers here care. */
export function withDefaults(resource: Resource, object: KubeObject): KubeObject {
  switch (resource.id) {
    case 'services':
      return { ...object, spec: serviceDefaults(object) };
    case 'deployments.apps':
      return { ...object, spec: deploymentDefaults(object) };
    case 'pods':
      return { ...object, spec: podSpecDefaults(object['spec']) };
    case 'namespaces':
      return {
        ...object,
        metadata: {
          ...object.metadata,
          labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name },
        },
        spec: { finalizers: ['kubernetes'] },
        status: object['status'] ?? { phase: 'Active' },
      };
    default:
      return object;
  }
}
