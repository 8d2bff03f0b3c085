import { duration, fields, oneOf, text, wholeNumber, yesOrNo } from '../../config/yaml/fields.ts';
import type { AbTestSpec, ApprovalSpec, BlueGreenSpec, CanarySpec, StepSpec, StrategySpec } from '../../rollout/index.ts';
import { list } from './fields.ts';
import { gatesSchema, type ShapeOf } from './gateSchema.ts';
import { matches } from './matchSchema.ts';
import { celGiven, given, withRules } from './rules.ts';

const pause = fields({
  duration: duration().optional().describe('At least this long; absent: until a person promotes.'),
});

const mirror = fields({
  percentage: wholeNumber(0, 100).optional().describe('Share of the live requests that are copied; absent or 0: none.'),
});

const approval = fields({
  when: oneOf(['before', 'after']).optional().describe('Before or after the traffic of this step is set; default before.'),
  required: wholeNumber(1, 20).optional().describe('How many different people have to agree; default 1.'),
  approvers: list(
    text(253, 'slack:ID, user:NAME, group:NAME or webhook:NAME').regex(/^(?:slack|user|group|webhook):[^\s:].*$/),
    1,
    50,
  ).describe('Who may agree: slack:ID, user:NAME, group:NAME, webhook:NAME.'),
  message: text(4_096, 'a text').optional().describe('What people are asked; a Handlebars template.'),
  timeout: duration().optional().describe('How long to wait for an answer; absent: for ever.'),
  onTimeout: oneOf(['hold', 'rollback']).optional().describe('What happens then; default hold.'),
  allowAuthor: yesOrNo().optional().describe('Whether the author of the change may agree; default false.'),
} satisfies ShapeOf<ApprovalSpec>);

const stepShape = {
  name: text(63, 'a short name').optional().describe('Shown to people.'),
  setWeight: wholeNumber(0, 100).optional().describe('Share of the new version in percent.'),
  setHeaderRoute: fields({ match: matches().optional().describe('Istio HTTPMatchRequest list; absent: the route is removed.') })
    .optional()
    .describe('Requests that match go to the new version.'),
  setMirrorRoute: mirror.optional().describe('The new version gets copies of live requests; its replies are dropped.'),
  pause: pause.optional().describe('Stay in this step at least this long; {} until a person promotes.'),
  approval: approval.optional().describe('People who have to agree.'),
  gates: gatesSchema().optional().describe('More gates, in this step only.'),
} satisfies ShapeOf<StepSpec>;

const step = withRules(fields(stepShape), [
  {
    message: 'a step needs at least one of setWeight, setHeaderRoute, setMirrorRoute, pause, approval, gates',
    cel: `${celGiven('setWeight', 'setHeaderRoute', 'setMirrorRoute', 'pause', 'approval', 'gates')} > 0`,
    holds: value =>
      given(value.setWeight, value.setHeaderRoute, value.setMirrorRoute, value.pause, value.approval, value.gates) > 0,
  },
  {
    message:
      'setMirrorRoute is not possible together with a setWeight above 0: telemetry could not tell the copies from real requests',
    cel: '!has(self.setMirrorRoute) || !has(self.setMirrorRoute.percentage) || self.setMirrorRoute.percentage == 0 || !has(self.setWeight) || self.setWeight == 0',
    holds: value => !((value.setMirrorRoute?.percentage ?? 0) > 0 && (value.setWeight ?? 0) > 0),
    field: 'setMirrorRoute',
  },
]);

const stickiness = fields({
  cookie: text(128, 'the name of a cookie')
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/)
    .describe('Name of the cookie.'),
  ttl: duration().optional().describe('How long a user stays with a version; default: until the browser closes.'),
});

const canary = fields({
  steps: list(step, 1, 50).describe('Each step sets traffic and says what must hold before the next one.'),
  bake: duration().optional().describe('Time at 100 before the new version becomes stable; default 0s.'),
  stickiness: stickiness.optional().describe('Keeps a user on one version by a cookie.'),
} satisfies ShapeOf<CanarySpec>);

const blueGreen = fields({
  preview: fields({ match: matches().describe('Istio HTTPMatchRequest list: who sees it.') })
    .optional()
    .describe('Requests that see the new version before everybody else.'),
  mirror: mirror.optional().describe('Copies of live requests for the new version before it is switched on.'),
  hold: pause.optional().describe('How long the new version is previewed; {} until a person promotes.'),
  approval: approval.optional().describe('People who have to agree before all traffic is switched.'),
  bake: duration().optional().describe('Time at 100 before the new version becomes stable; default 0s.'),
} satisfies ShapeOf<BlueGreenSpec>);

const abTest = fields({
  match: matches().describe('Istio HTTPMatchRequest list: requests that match go to the new version.'),
  duration: duration().optional().describe('How long the test lasts; absent: until a person promotes.'),
  // biome-ignore lint/suspicious/noThenProperty: the name is part of the contract, and a schema is never awaited
  then: oneOf(['promote', 'hold', 'end'])
    .optional()
    .describe('What happens at the end; default promote. end: back to the stable version.'),
} satisfies ShapeOf<AbTestSpec>);

/** How to get to the new version. */
export const strategySchema = withRules(
  fields({
    canary: canary.optional().describe('Shifts a growing share of the traffic.'),
    blueGreen: blueGreen.optional().describe('Shows the new version to few, then switches all traffic at once.'),
    abTest: abTest.optional().describe('Sends chosen requests to the new version for a time.'),
  } satisfies ShapeOf<StrategySpec>),
  [
    {
      message: 'exactly one of canary, blueGreen, abTest must be given',
      cel: `${celGiven('canary', 'blueGreen', 'abTest')} == 1`,
      holds: value => given(value.canary, value.blueGreen, value.abTest) === 1,
    },
  ],
);
