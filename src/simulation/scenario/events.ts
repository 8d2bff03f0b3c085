import { z } from 'zod';
import { fields, named, oneOf, wholeNumber, yesOrNo } from '../../config/yaml/fields.ts';
import type { RolloutSpec } from '../../rollout/index.ts';
import { milliseconds, objectName, percent, pods, rate, shift, weights, word, words } from './fields.ts';

/** Some fields of a spec, as a commit replaces them. */
export type SpecChange = { readonly [F in keyof RolloutSpec]?: RolloutSpec[F] | undefined };

/** The schema of one event: a moment, and exactly one thing that happens then. */
export const eventSchema = (specChange: z.ZodType<SpecChange>) =>
  fields({
    at: milliseconds().describe('How long after the beginning.'),
    ...happeningShape(specChange),
  }).refine(event => namesIn(event).length === 1, {
    message: 'expected exactly one thing to happen beside `at`',
    when: ({ value, issues }) => typeof value === 'object' && value !== null && issues.length === 0,
  });

const namesIn = (event: object): readonly string[] =>
  Object.entries(event).flatMap(([name, value]) => (name === 'at' || value === undefined ? [] : [name]));

/** Everything that can happen, optional each. */
const happeningShape = (specChange: z.ZodType<SpecChange>) => ({
  commit: specChange.optional().describe('Fields of the spec that a commit replaces.'),
  pods: named(pods()).optional().describe('Pods of versions from now on.'),
  traffic: rate().optional().describe('Requests per second to the host.'),
  errors: named(percent()).optional().describe('Percent of the requests to a version that fail.'),
  slow: named(percent()).optional().describe('Percent of the requests to a version that are slower than any limit.'),
  unattributed: percent().optional().describe('Percent of all requests that reach no pod.'),
  arriving: percent().optional().describe("Percent of the new version's intended share that arrives."),
  disobeyed: percent().optional().describe('Percent of requests that the new version still gets after a rollback.'),
  query: named(z.number({ error: 'expected a number, or null for no data' }).nullable())
    .optional()
    .describe('Answers of custom queries, by gate.'),
  webhook: named(oneOf(['pass', 'fail', 'nodata']))
    .optional()
    .describe('Answers of webhooks, by gate.'),
  down: words('a provider or a gate').optional().describe('All that does not answer from now on.'),
  empty: words('a provider or a gate').optional().describe('All that answers from now on without knowing anything.'),
  answersAfter: named(milliseconds()).optional().describe('How long providers take to answer.'),
  weights: fields({
    object: objectName().optional(),
    set: weights(),
    manager: word('a field manager').optional(),
    dropPosition: yesOrNo().optional(),
    dropRoutes: yesOrNo().optional(),
    every: milliseconds().optional(),
    times: wholeNumber(1, 1_000).optional(),
  })
    .optional()
    .describe('A stranger writes weights, once or again and again.'),
  touch: objectName().optional().describe('Another tool changes something else in a routing object.'),
  remove: objectName().optional().describe('A routing object is deleted.'),
  mesh: word('what is wrong with the mesh').nullable().optional().describe('The mesh cannot be read, or can again (null).'),
  refuse: z
    .array(oneOf(['mesh', 'status']), { error: 'expected a list of mesh, status' })
    .optional()
    .describe('Writes that are refused from now on.'),
  conflicts: wholeNumber(1, 10_000).optional().describe('So many writes of routing objects meet a change by somebody else.'),
  request: z
    .union(
      [
        oneOf(['promote', 'abort', 'pause', 'resume', 'retry']),
        fields({
          verb: word('a verb'),
          id: word('an id').optional(),
          revision: word('a revision').optional(),
          step: wholeNumber(0, 100).optional(),
          by: word('a name').optional(),
          reason: word('a reason').optional(),
          age: milliseconds().optional(),
          force: yesOrNo().optional(),
        }),
      ],
      { error: 'expected one of promote, abort, pause, resume, retry, or fields verb, revision, step, by, reason, age, force' },
    )
    .optional()
    .describe('A person asks for something.'),
  answer: fields({
    decision: oneOf(['approved', 'rejected']),
    by: word('a name'),
    step: wholeNumber(1, 100),
    revision: word('a revision').optional(),
    identities: words('an identity such as user:alice@example.com').optional(),
    via: word('a channel').optional(),
    comment: word('a comment').optional(),
  })
    .optional()
    .describe('A person answers to a request for approval.'),
  freeze: word('who froze the installation').nullable().optional().describe('All forward movement stops, or goes on (null).'),
  rival: word('namespace/name of an older Rollout')
    .nullable()
    .optional()
    .describe('An older Rollout steers the same route, or none (null).'),
  meshCheck: z
    .array(
      fields({
        code: word('a code of the mesh check'),
        severity: oneOf(['error', 'warning']),
        object: word('Kind namespace/name'),
        message: word('what it means'),
      }),
      { error: 'expected a list of findings' },
    )
    .optional()
    .describe('What the mesh check finds from now on; [] ends it.'),
  delete: oneOf(['now', 'heldByAnother']).optional().describe('The Rollout is deleted.'),
  crash: milliseconds().optional().describe('The controller dies and is back after this time.'),
  clock: shift().optional().describe('The clock is set forward or back.'),
});

export type ScenarioEvent = z.output<ReturnType<typeof eventSchema>>;
