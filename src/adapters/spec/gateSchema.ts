import type { z } from 'zod';
import { duration, fields, oneOf, text, wholeNumber } from '../../config/yaml/fields.ts';
import type { BaselineSpec, GateSpec, PrometheusGateSpec } from '../../rollout/index.ts';
import { anyNumber, list, numberFrom, percentile, shortName } from './fields.ts';
import { celGiven, given, withRules } from './rules.ts';

/** One schema for each field of a type of the core, no more and no fewer. */
export type ShapeOf<T> = Record<keyof T, z.ZodType>;

const provider = () =>
  shortName('a provider of the configuration').optional().describe('Which of the configured providers; default: default.');

const prometheus = withRules(
  fields({
    metric: oneOf(['success-rate', 'latency'])
      .optional()
      .describe("A built-in measure from Istio's metrics: success-rate in percent, latency in ms."),
    percentile: percentile().optional().describe('Which latency; together with metric: latency, and only there.'),
    query: text(8_192, 'a PromQL query that gives one number')
      .optional()
      .describe('Own PromQL query as a Handlebars template; instead of metric. It must give one number.'),
    samples: text(8_192, 'a PromQL query that gives the number of samples')
      .optional()
      .describe('Query for the number of samples behind the value; only with query.'),
    window: duration()
      .optional()
      .describe('What {{window}} stands for; only with query. Default: the interval, at least two scrapes and 30s.'),
    provider: provider(),
  } satisfies ShapeOf<PrometheusGateSpec>),
  [
    {
      message: 'exactly one of metric, query must be given',
      cel: 'has(self.metric) != has(self.query)',
      holds: value => given(value.metric, value.query) === 1,
    },
    {
      message: 'percentile is expected together with metric: latency, and only there',
      cel: "has(self.percentile) == (has(self.metric) && self.metric == 'latency')",
      holds: value => (value.percentile !== undefined) === (value.metric === 'latency'),
      field: 'percentile',
    },
    {
      message: 'samples is only possible with query',
      cel: '!has(self.samples) || has(self.query)',
      holds: value => value.samples === undefined || value.query !== undefined,
      field: 'samples',
    },
    {
      message: 'window is only possible with query',
      cel: '!has(self.window) || has(self.query)',
      holds: value => value.window === undefined || value.query !== undefined,
      field: 'window',
    },
  ],
);

const zipkin = fields({
  percentile: percentile().describe('Which latency, in ms, from spans; for instance 99.'),
  provider: provider(),
});

const webhook = fields({
  url: text(2_048, 'an http(s) URL')
    .regex(/^https?:\/\//)
    .describe('Asked with POST; answers {"verdict": "pass" | "fail" | "nodata"}. Only hosts that the configuration allows.'),
  timeout: duration().optional().describe('How long to wait for the answer; default 10s.'),
});

const threshold = withRules(
  fields({
    min: anyNumber().optional().describe('The value must not be less.'),
    max: anyNumber().optional().describe('The value must not be greater.'),
  }),
  [
    {
      message: 'at least one of min, max must be given',
      cel: 'has(self.min) || has(self.max)',
      holds: value => given(value.min, value.max) > 0,
    },
    {
      message: 'min must not be greater than max',
      cel: '!has(self.min) || !has(self.max) || self.min <= self.max',
      holds: value => value.min === undefined || value.max === undefined || !(value.min > value.max),
      field: 'min',
    },
  ],
);

const certify = fields({
  ratio: numberFrom(1, 1_000)
    .optional()
    .describe("The new version is proven to be better than this many times stable's error rate; default 3."),
  floor: numberFrom(0, 100).optional().describe('Or proven to have less than this error rate in percent; default 0.5.'),
});

const baseline = withRules(
  fields({
    tolerance: numberFrom(1, 1_000)
      .optional()
      .describe('How many times worse than stable is acceptable; default 1.5 for errors, 1.1 for latency.'),
    certify: certify
      .optional()
      .describe('Asks for proof that the version is good, instead of the absence of proof that it is bad.'),
    undecidedAfter: duration()
      .optional()
      .describe('When to stop waiting for proof; default: the pause of the step, at least 5m. Only with certify.'),
    onUndecided: oneOf(['hold', 'pass']).optional().describe('What happens then; default hold. Only with certify.'),
  } satisfies ShapeOf<BaselineSpec>),
  [
    {
      message: 'undecidedAfter is only possible with certify',
      cel: '!has(self.undecidedAfter) || has(self.certify)',
      holds: value => value.undecidedAfter === undefined || value.certify !== undefined,
      field: 'undecidedAfter',
    },
    {
      message: 'onUndecided is only possible with certify',
      cel: '!has(self.onUndecided) || has(self.certify)',
      holds: value => value.onUndecided === undefined || value.certify !== undefined,
      field: 'onUndecided',
    },
  ],
);

/** A gate: one source of numbers, and what the numbers have to be. */
const gateSchema = withRules(
  fields({
    name: shortName('a gate').optional().describe('Unique within the Rollout; default: what it measures.'),
    prometheus: prometheus.optional().describe('Numbers from Prometheus.'),
    zipkin: zipkin.optional().describe('Latency from spans in Zipkin.'),
    webhook: webhook.optional().describe('The verdict of another program.'),
    template: shortName('a gate template')
      .optional()
      .describe('A gate from gateTemplates of the configuration; fields here override it.'),
    threshold: threshold.optional().describe('Inclusive bounds on the new version.'),
    baseline: baseline.optional().describe('Compares the new version with the stable one.'),
    judge: oneOf(['sequential', 'plain'])
      .optional()
      .describe('How counts are judged; plain compares each measurement with the bounds.'),
    minSamples: wholeNumber(1, 1_000_000_000).optional().describe('Fewer samples of the new version are no data; default 50.'),
    failureLimit: wholeNumber(0, 1_000).optional().describe('Bad plain measurements in a row that are tolerated; default 1.'),
    onNoData: oneOf(['hold', 'fail']).optional().describe('What missing data mean; default hold.'),
    noDataDeadline: duration().optional().describe('How long data may be missing before people are told; default 10m.'),
    onFailure: oneOf(['rollback', 'pause']).optional().describe('What a failed gate does; default rollback.'),
  } satisfies ShapeOf<GateSpec>),
  [
    {
      message: 'exactly one of prometheus, zipkin, webhook, template must be given',
      cel: `${celGiven('prometheus', 'zipkin', 'webhook', 'template')} == 1`,
      holds: value => given(value.prometheus, value.zipkin, value.webhook, value.template) === 1,
    },
    {
      message: 'minSamples needs prometheus.samples when prometheus.query is given',
      cel: '!has(self.minSamples) || !has(self.prometheus) || !has(self.prometheus.query) || has(self.prometheus.samples)',
      holds: value =>
        value.minSamples === undefined || value.prometheus?.query === undefined || value.prometheus.samples !== undefined,
      field: 'minSamples',
    },
  ],
);

/** At most this many gates stand in one list. */
const MAX_GATES = 20;

/** A list of gates; those with names have names of their own. */
export const gatesSchema = () =>
  list(gateSchema, 0, MAX_GATES)
    .superRefine((gates, context) => {
      gates.forEach((gate, index) => {
        if (gate.name === undefined || gates.findIndex(other => other.name === gate.name) === index) return;
        context.addIssue({ code: 'custom', message: `${gate.name} is the name of a gate before`, path: [index, 'name'] });
      });
    })
    .meta({
      'x-kubernetes-validations': [
        {
          rule: 'self.all(a, !has(a.name) || self.exists_one(b, has(b.name) && b.name == a.name))',
          message: 'two gates have the same name',
        },
      ],
    });
