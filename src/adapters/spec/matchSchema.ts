import type { z } from 'zod';
import { fields, matching, named, text, wholeNumber, yesOrNo } from '../../config/yaml/fields.ts';
import type { MatchSpec, StringMatchSpec } from '../../rollout/index.ts';
import { labelValue, list, objectName, shortName } from './fields.ts';
import type { ShapeOf } from './gateSchema.ts';
import { celGiven, given, withRules } from './rules.ts';

/** As long as Istio takes a regular expression. */
const LONGEST = 1_024;
const MOST_NAMES = 20;
const MOST_MATCHES = 20;

const stringMatchShape = () =>
  ({
    exact: text(LONGEST, `a text of 1 to ${LONGEST} characters`).optional().describe('The whole value.'),
    prefix: text(LONGEST, `a text of 1 to ${LONGEST} characters`).optional().describe('What the value begins with.'),
    regex: text(LONGEST, `a regular expression (RE2) of 1 to ${LONGEST} characters`)
      .optional()
      .describe('Regular expression (RE2) for the whole value.'),
  }) satisfies ShapeOf<StringMatchSpec>;

const stringMatch = () =>
  withRules(fields(stringMatchShape()), [
    {
      message: 'exactly one of exact, prefix, regex must be given',
      cel: `${celGiven('exact', 'prefix', 'regex')} == 1`,
      holds: value => given(value.exact, value.prefix, value.regex) === 1,
    },
  ]);

const stringMatchOrPresence = () =>
  withRules(fields(stringMatchShape()), [
    {
      message: 'at most one of exact, prefix, regex may be given; {} means any value',
      cel: `${celGiven('exact', 'prefix', 'regex')} <= 1`,
      holds: value => given(value.exact, value.prefix, value.regex) <= 1,
    },
  ]);

/** By name, at least one and not too many; the names themselves are looked at where the spec's meaning is. */
const byName = <T extends z.ZodType>(value: T) =>
  named(value)
    .refine(names => isBetween(Object.keys(names).length), { message: `expected 1 to ${MOST_NAMES} names` })
    .meta({ minProperties: 1, maxProperties: MOST_NAMES });

const isBetween = (count: number): boolean => count >= 1 && count <= MOST_NAMES;

const matchShape = () =>
  ({
    name: text(253, 'a short name').optional().describe('For people; no condition.'),
    headers: byName(stringMatchOrPresence()).optional().describe('By header, in lower case; {} means that it is there.'),
    withoutHeaders: byName(stringMatchOrPresence()).optional().describe('Headers that must not be there, or not be so.'),
    queryParams: byName(stringMatchOrPresence()).optional().describe('By query parameter; {} means that it is there.'),
    uri: stringMatch().optional().describe('The path, without the query.'),
    scheme: stringMatch().optional().describe('http or https.'),
    method: stringMatch().optional().describe('The method, in capitals.'),
    authority: stringMatch().optional().describe('The host that the request names.'),
    ignoreUriCase: yesOrNo().optional().describe('Whether exact and prefix of uri ignore the case.'),
    port: wholeNumber(1, 65_535).optional().describe('The port that the caller speaks to.'),
    sourceLabels: byName(labelValue('the value of a pod label')).optional().describe("Labels of the caller's pods."),
    sourceNamespace: shortName('a namespace').optional().describe("The caller's namespace."),
    gateways: list(objectName('Gateway (or mesh)'), 1, 20)
      .optional()
      .describe('Gateways, as name or namespace/name, or mesh; default: those of the route.'),
    statPrefix: matching(/^[\w.-]+$/, 128, "a prefix of letters, digits, '_', '.' and '-'")
      .optional()
      .describe("Prefix of Envoy's statistics; no condition."),
  }) satisfies ShapeOf<MatchSpec>;

const CONDITIONS = [
  'headers',
  'withoutHeaders',
  'queryParams',
  'uri',
  'scheme',
  'method',
  'authority',
  'port',
  'sourceLabels',
  'sourceNamespace',
  'gateways',
] as const satisfies readonly (keyof MatchSpec)[];

const match = () =>
  withRules(fields(matchShape()), [
    {
      message: `expected at least one condition (${CONDITIONS.join(', ')}), as every request would match`,
      cel: CONDITIONS.map(name => `has(self.${name})`).join(' || '),
      holds: value => CONDITIONS.some(name => value[name] !== undefined),
    },
  ]);

/** Istio's HTTPMatchRequest list: which requests a route takes. */
export const matches = () => list(match(), 1, MOST_MATCHES);
