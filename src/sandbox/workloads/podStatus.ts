import { at, type JsonObject, type KubeObject, listOf, objectOf } from '../kube/json.ts';

/** The status of a running pod; the times of conditions that did not change are kept. */
export function podStatus(pod: KubeObject, ip: string, ready: boolean): JsonObject {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const before = listOf(at(pod, 'status', 'conditions')).map(objectOf);
  const condition = (type: string, good: boolean): JsonObject => {
    const old = before.find(item => item['type'] === type);
    const status = good ? 'True' : 'False';
    return {
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime: old?.['status'] === status ? (old['lastTransitionTime'] ?? now) : now,
    };
  };
  const containerStatuses = listOf(at(pod, 'spec', 'containers')).map(value => {
    const { name, image } = objectOf(value);
    return {
      name: name ?? '',
      image: image ?? '',
      imageID: '',
      ready,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    };
  });
  return {
    phase: 'Running',
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    podIP: ip,
    podIPs: [{ ip }],
    hostIP: '127.0.0.1',
    startTime: at(pod, 'status', 'startTime') ?? now,
    containerStatuses,
    qosClass: 'BestEffort',
  };
}
