import { z } from 'zod';
import type { Condition, RolloutStatus } from '../../rollout/index.ts';
import type { ShapeOf } from './gateSchema.ts';

/**
 * The shape of `.status`, as far as people and other programs read it. It describes and does not refuse: fields that it
 * does not name are kept everywhere, so that a definition that is older than the controller loses nothing.
 */
const open = <S extends z.ZodRawShape>(shape: S) => z.looseObject(shape);

const text = () => z.string().optional();
const count = () => z.int().optional();
const amount = () => z.number().optional();
const names = () => z.array(z.string()).optional();

const target = open({
  router: text(),
  host: text(),
  versionLabel: text(),
  virtualServices: names(),
  routes: names(),
  destinationRule: text(),
  stable: text(),
  canary: text(),
});

const traffic = open({
  weight: count(),
  headerRoutes: z.array(open({})).optional(),
  mirror: open({ percentage: count() }).optional(),
  sticky: open({ cookie: z.string() }).optional(),
});

const weight = open({
  desired: amount().describe('What the current step wants, in percent.'),
  observed: amount().describe('What stands in the mesh objects.'),
  measured: amount().describe('What telemetry shows.'),
});

const step = open({
  index: count().describe('1-based; 0 before the first step.'),
  count: count(),
  name: text(),
  startedAt: text(),
  readyAtStart: count(),
  lowReadySince: text(),
  podsLost: count(),
  askedAt: text(),
  troubledAt: text(),
});

const waitingFor = open({
  what: text().describe('pause, gates, approval, pods, traffic, drift, window, person, pin or mesh.'),
  until: text().describe('Absolute time.'),
  since: text(),
});

const gate = open({
  name: text(),
  source: text(),
  verdict: text().describe('Pass, Fail, NoData, Error, NotApplicable or Pending.'),
  value: amount(),
  baselineValue: amount(),
  samples: amount(),
  failures: amount(),
  evidence: amount().describe('That the limit is broken in this step, as a likelihood ratio; the gate fails at 1/alpha.'),
  alpha: amount(),
  stable: open({ bad: amount(), total: amount() }).optional().describe("Stable's samples of the same time."),
  baseline: open({
    samples: amount(),
    failures: amount(),
    stableSamples: amount(),
    stableFailures: amount(),
    evidence: amount().describe('That the new version is worse, as a likelihood ratio; the gate fails at 1/alpha.'),
    alpha: amount(),
    sums: text().describe('For a restart to go on from; not for people.'),
  })
    .optional()
    .describe('The comparison with stable since the first traffic of this attempt.'),
  detects: text().describe('What can be found at the current request rate, and how long it takes.'),
  until: text(),
  message: text(),
  at: text(),
});

const approval = open({
  revision: text(),
  step: count(),
  decision: text(),
  by: text(),
  via: text(),
  at: text(),
  comment: text(),
});

const historyEntry = open({
  at: text(),
  from: text(),
  to: text(),
  action: text(),
  reason: text(),
  message: text(),
  step: count(),
  weight: amount(),
  evidence: text(),
});

const condition = open({
  type: z.string(),
  status: z.string(),
  reason: text(),
  message: text(),
  lastTransitionTime: text(),
  observedGeneration: count(),
} satisfies ShapeOf<Condition>);

const source = open({
  name: text(),
  revision: text(),
  path: text(),
  authors: names(),
});

const shape = {
  observedGeneration: count().describe('Generation of the spec that this status is about.'),
  phase: z
    .enum(['Pending', 'Progressing', 'Paused', 'AwaitingApproval', 'RollingBack', 'RolledBack', 'Healthy', 'Invalid'])
    .optional()
    .describe('Where the rollout is.'),
  reason: text().describe('Why the phase is what it is; one of a closed list.'),
  since: text().describe('Since when phase, reason and step are what they are.'),
  message: text().describe('Where it is, what it waits for, until when, and what would end it.'),
  stableVersion: text().describe('The version that users get.'),
  canaryVersion: text().describe('The version that is being rolled out; absent when Healthy.'),
  previous: open({ version: text(), podHash: text(), until: text() }).optional().describe('The version that was stable before.'),
  revision: text().describe('This attempt.'),
  attempt: count().describe('Number of the attempt with this version.'),
  podHash: text().describe('Template hashes of the new pods.'),
  planHash: text().describe('Which steps and gates the position refers to.'),
  targetHash: text().describe('Which host and router the attempt began with.'),
  target: target.optional().describe('The resolved objects of this attempt; going back uses only this.'),
  traffic: traffic.optional().describe('The full intended state of the traffic.'),
  weight: weight.optional().describe('Share of the new version in percent.'),
  step: step.optional().describe('The current step.'),
  waitingFor: waitingFor.optional().describe('What the rollout is waiting for.'),
  pause: open({ by: text(), reason: text(), since: text() }).optional().describe('Who paused it.'),
  seq: count().describe('Number of the last write of a mesh object.'),
  position: open({ step: count(), time: text() }).optional().describe('When the current step began.'),
  plan: open({ steps: z.array(open({})).optional(), gates: z.array(open({})).optional() })
    .optional()
    .describe('What this attempt was started with.'),
  gates: z.array(gate).optional().describe('Latest verdict of each gate.'),
  approvals: z.array(approval).optional().describe('Who agreed and who did not.'),
  lastRequest: open({ id: text(), verb: text(), outcome: text(), at: text() })
    .optional()
    .describe('The last request and what became of it.'),
  answered: open({ ids: names(), text: text() }).optional().describe('Requests that are not acted on again.'),
  drift: open({ times: names(), restored: names(), by: text(), since: text() })
    .optional()
    .describe('When somebody else changed the weights.'),
  retire: open({ version: text(), since: text(), done: z.boolean().optional() })
    .optional()
    .describe('The version before this one is being removed since then, or is.'),
  source: source.optional().describe('The commit that this spec comes from.'),
  meshFindings: z
    .array(open({ code: text(), severity: text(), object: text(), message: text() }))
    .optional()
    .describe('What the mesh check found for the attempt in progress.'),
  history: z.array(historyEntry).optional().describe('What happened, newest last.'),
  display: open({ version: text(), step: text(), weight: text() }).optional().describe('Texts of the printer columns.'),
  conditions: z
    .array(condition)
    .optional()
    .describe('Ready, Reconciling, Stalled as other tools expect them; and GatesPassing.')
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }),
} satisfies ShapeOf<RolloutStatus> & z.ZodRawShape;

export const rolloutStatusSchema = open(shape);
