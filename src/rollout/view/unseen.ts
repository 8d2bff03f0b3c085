/** What people see of a Rollout that the controller has not looked at yet. */
export const UNSEEN = {
  phase: 'Pending',
  reason: 'WaitingForReport',
  title: 'not looked at yet',
  message: 'the controller has not looked at it yet',
  attention: 'waits',
  weight: { intended: 0 },
  gates: [],
  todo: ['if it stays like this, see whether the controller runs: kubectl -n sluice-system get deployments,leases'],
  actions: [],
} as const;
