import { duration, fields, oneOf, text, yesOrNo } from '../../config/yaml/fields.ts';
import type { AnalysisSpec, IstioRouterSpec, RolloutSpec, WindowSpec } from '../../rollout/index.ts';
import { cronMinutes, freeForm, host, labelKey, labelValue, list, numberFrom, objectName } from './fields.ts';
import { gatesSchema, type ShapeOf } from './gateSchema.ts';
import { given, withRules } from './rules.ts';
import { strategySchema } from './strategySchema.ts';

const istio = fields({
  virtualServices: list(objectName('VirtualService'), 1, 10)
    .optional()
    .describe(
      'Which VirtualServices are steered; default: the one with the name of the Rollout, else the only one that routes to host.',
    ),
  routes: list(text(253, 'the name of an http route'), 1, 50)
    .optional()
    .describe('Names of the http routes to steer; default: every http route that routes to host, if unambiguous.'),
  destinationRule: objectName('DestinationRule').optional().describe('Where subsets are added; default: the one for host.'),
  createMissing: oneOf(['none', 'subset', 'all']).optional().describe('What is made when it is missing; default subset.'),
  settle: duration().optional().describe('Time between making a subset and routing to it; default 2s.'),
} satisfies ShapeOf<IstioRouterSpec>);

const router = withRules(
  fields({
    istio: istio.optional().describe('VirtualService and DestinationRule of Istio; the default.'),
    gatewayApi: freeForm().optional().describe('HTTPRoute of the Gateway API.'),
  }),
  [
    {
      message: 'at most one of istio, gatewayApi may be given',
      cel: '!has(self.istio) || !has(self.gatewayApi)',
      holds: value => given(value.istio, value.gatewayApi) < 2,
    },
  ],
);

const analysis = fields({
  interval: duration().optional().describe('How often gates are measured; default 15s.'),
  initialDelay: duration().optional().describe('Time after the first traffic of a step before measuring; default 0s.'),
  alpha: numberFrom(0.000001, 0.5)
    .optional()
    .describe('False-alarm budget of one attempt, over all sequential gates; default 0.01.'),
  gates: gatesSchema()
    .optional()
    .describe('What has to hold; default: success rate and 99th percentile of the latency, against limits and against stable.'),
} satisfies ShapeOf<AnalysisSpec>);

const window = withRules(
  fields({
    deny: cronMinutes().optional().describe('Minutes in which nothing moves forward.'),
    allow: cronMinutes().optional().describe('The only minutes in which something moves forward.'),
    timezone: text(64, 'a time zone such as Europe/Berlin').optional().describe('IANA time zone; default UTC.'),
  } satisfies ShapeOf<WindowSpec>),
  [
    {
      message: 'exactly one of deny, allow must be given',
      cel: 'has(self.deny) != has(self.allow)',
      holds: value => given(value.deny, value.allow) === 1,
    },
  ],
);

const retire = fields({
  after: duration().optional().describe('How long after the end; default 30m.'),
  action: oneOf(['none', 'removeSubset', 'scaleToZero']).optional().describe('What happens to the version before; default none.'),
});

/** The spec of a Rollout; the one source of the CRD, of `sluice validate` and of what the Git source accepts. */
export const rolloutSpecSchema = fields({
  version: labelValue('the version that is wanted').describe(
    "The version that is wanted: the value of the pods' version label and, by default, the name of the subset.",
  ),
  initialVersion: labelValue('the version that is stable')
    .optional()
    .describe('What is stable when neither the status nor the mesh can tell.'),
  host: host().optional().describe('Destination host; default: the name of the Rollout. Short names resolve in this namespace.'),
  versionLabel: labelKey().optional().describe('Pod label that carries the version; default version.'),
  router: router.optional().describe('What carries the weights.'),
  strategy: strategySchema.describe('How to get to the new version; exactly one.'),
  analysis: analysis.optional().describe('What has to hold while traffic moves.'),
  windows: list(window, 0, 20).optional().describe('When nothing moves forward.'),
  capacity: oneOf(['warn', 'require']).optional().describe('What too few ready pods for the share mean; default warn.'),
  progressDeadline: duration()
    .optional()
    .describe('How long pods of the new version may exist without being ready; default 10m.'),
  rollbackWindow: duration().optional().describe('How long going back to the version before needs no steps; default 1h.'),
  paused: yesOrNo().optional().describe('Stops forward movement; protection stays on.'),
  retire: retire.optional().describe('What happens to the version that was replaced.'),
  onDelete: oneOf(['stable', 'keep']).optional().describe('Traffic when the Rollout is deleted in progress; default stable.'),
  notify: fields({
    slack: text(81, 'a Slack channel').optional().describe('Slack channel for this Rollout, instead of the default one.'),
  })
    .optional()
    .describe('Who is told.'),
} satisfies ShapeOf<RolloutSpec>);
