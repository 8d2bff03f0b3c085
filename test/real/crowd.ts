import type { RolloutStatus } from '../../src/rollout/index.ts';
import type { KubernetesObject } from './bed/kubernetes.ts';

/**
 * Many Rollouts as they stand in an API server when teams work with them: most are healthy, some move, a few ask, a few are broken.
 * Nobody works on them: a process that does not lead shows what it reads, and writes nothing.
 */

const TEAMS = 20;

/** Namespaces of a crowd. */
export const crowdNamespaces: readonly string[] = Array.from({ length: TEAMS }, (_, index) => `team-${index}`);

export const placeInCrowd = (index: number): { readonly namespace: string; readonly name: string } => ({
  namespace: `team-${index % TEAMS}`,
  name: `app-${index}`,
});

/** Paths of a Rollout in the API. */
export const pathInCrowd = (index: number): string => {
  const { namespace, name } = placeInCrowd(index);
  return `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/rollouts/${name}`;
};

export const crowdRollout = (index: number): KubernetesObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: placeInCrowd(index),
  spec: {
    version: 'v2',
    strategy: {
      canary: {
        steps: [
          { setWeight: 10, pause: { duration: '5m' } },
          { setWeight: 50, pause: {} },
        ],
      },
    },
    analysis: { gates: [] },
  },
});

/** What a Rollout of a crowd is, by its number. */
export const kindInCrowd = (index: number): 'broken' | 'asks' | 'moves' | 'fine' => {
  const place = index % 100;
  if (place === 7 || place === 57) return 'broken';
  if (place === 13) return 'asks';
  return place >= 21 && place <= 25 ? 'moves' : 'fine';
};

const approval = { when: 'before', required: 1, approvers: ['group:release'], onTimeout: 'hold', allowAuthor: false } as const;

const attempt = {
  stableVersion: 'v1',
  canaryVersion: 'v2',
  revision: '7c1f09d2',
  attempt: 1,
  plan: {
    steps: [
      { weight: 10, pauseMs: 300_000 },
      { weight: 50, pauseMs: null, approval },
    ],
    gates: [],
    intervalMs: 10_000,
    initialDelayMs: 0,
    settleMs: 2_000,
  },
} as const satisfies Partial<RolloutStatus>;

/** The status of each, as it would be stored at that time; `words` stand in its message. */
export const crowdStatus = (index: number, nowMs: number, words = ''): RolloutStatus => {
  const since = new Date(nowMs - index * 1_000).toISOString();
  const message = (text: string) => (words === '' ? text : `${text}; ${words}`);
  const common = { observedGeneration: 1, since, source: { name: 'fleet', revision: 'main@sha1:9f3c51d' } };
  switch (kindInCrowd(index)) {
    case 'broken':
      return {
        ...common,
        phase: 'RolledBack',
        reason: 'GateFailed',
        ...attempt,
        message: message(`step 1/2 at 10%: success-rate 91.2 % < 99 % on 1,204 requests; all traffic is on v1`),
        traffic: { weight: 0 },
        display: { version: 'v2', step: '', weight: '0%' },
      };
    case 'asks':
      return {
        ...common,
        phase: 'AwaitingApproval',
        reason: 'WaitingForApproval',
        ...attempt,
        message: message('step 1/2 at 10%: waits for 1 of group:release to agree to 50%'),
        traffic: { weight: 10 },
        step: { index: 1, count: 2, startedAt: since, askedAt: since },
        waitingFor: { what: 'approval' },
        display: { version: 'v2', step: '1/2', weight: '10%' },
      };
    case 'moves':
      return {
        ...common,
        phase: 'Progressing',
        reason: 'StepEntered',
        ...attempt,
        message: message('step 1/2 at 10%: all gates pass'),
        traffic: { weight: 10 },
        step: { index: 1, count: 2, startedAt: since },
        waitingFor: { what: 'pause', until: new Date(nowMs + 300_000).toISOString() },
        display: { version: 'v2', step: '1/2', weight: '10%' },
      };
    case 'fine':
      return {
        ...common,
        phase: 'Healthy',
        reason: 'Promoted',
        stableVersion: 'v2',
        message: message('v2 is stable'),
        traffic: { weight: 0 },
        display: { version: 'v2', step: '', weight: '' },
      };
  }
};

/** A lease that belongs to nobody who runs, for an hour: whoever starts beside it does not lead. */
export const foreignLease = (namespace: string, nowMs: number): KubernetesObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'sluice', namespace },
  spec: {
    holderIdentity: 'somebody-else',
    leaseDurationSeconds: 3_600,
    leaseTransitions: 1,
    acquireTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
    renewTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
  },
});

/** Runs the work for each of so many, a few at a time. */
export async function forEachOf(count: number, work: (index: number) => Promise<unknown>, atOnce = 8): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
