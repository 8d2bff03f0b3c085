import { z } from 'zod';
import { duration, fields, named, text, wholeNumber } from '../../config/yaml/fields.ts';
import { parseDuration, type RouteWeights } from '../../rollout/index.ts';

/** A duration such as `1m30s`, in ms. */
export const milliseconds = () => duration().transform(written => parseDuration(written) ?? 0);

/** A duration in ms that may be negative. */
export const shift = () =>
  z
    .string({ error: 'expected a duration such as 1h or -10s' })
    .regex(/^-?(?:[0-9]{1,6}(?:ms|[smhd]))+$/)
    .transform(written => (written.startsWith('-') ? -1 : 1) * (parseDuration(written.replace('-', '')) ?? 0));

export const percent = () => z.number({ error: 'expected a percentage from 0 to 100' }).min(0).max(100);
export const rate = () => z.number({ error: 'expected requests per second, 0 or more' }).min(0).max(1_000_000);
export const word = (expected: string) => text(253, expected);
export const words = (expected: string) => z.array(word(expected), { error: `expected a list, each item ${expected}` }).max(20);
export const objectName = () => word('the name of a routing object as namespace/name');

/** Weights of a routing object by version, `*` for traffic without a subset, `foreign` for other hosts. */
export const weights = () =>
  named(wholeNumber(0, 100)).transform(({ foreign = 0, ...versions }): RouteWeights => ({ versions, foreign }));

/** Pods of a version: a number of ready ones, or more about them. */
export const pods = () =>
  z.union(
    [
      wholeNumber(0, 10_000),
      fields({
        ready: wholeNumber(0, 10_000),
        total: wholeNumber(0, 10_000).optional(),
        template: word('a name for the pod template').optional(),
      }),
    ],
    { error: 'expected a number of ready pods, or fields ready, total, template' },
  );
