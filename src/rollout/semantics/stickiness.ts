import { durationOr } from '../duration.ts';
import type { CanarySpec, SpecProblem } from '../spec.ts';
import { error, warning } from './problem.ts';

const SHORTEST_TTL_MS = 1_000;
/** Browsers keep no cookie longer. */
const LONGEST_TTL_MS = 400 * 86_400_000;

const PATH = 'spec.strategy.canary.stickiness';

/** A cookie that no browser would keep, or that would have nothing to say. */
export const checkStickiness = ({ steps, stickiness }: CanarySpec): readonly SpecProblem[] => {
  if (stickiness === undefined) return [];
  const { cookie } = stickiness;
  const isSplit = steps.some(({ setWeight = 0 }) => setWeight > 0 && setWeight < 100);
  return [
    ...(isSplit ? [] : [error(PATH, 'has no effect, as no step has a weight between 0 and 100', 'leave it out')]),
    ...(/^__(?:host|secure)-/i.test(cookie)
      ? [error(`${PATH}.cookie`, `is ${cookie}: browsers keep names with this prefix only from https with Secure`)]
      : []),
    ...checkTtl(stickiness.ttl),
    ...checkWholeCookies({ steps, stickiness }),
    warning(PATH, 'holds for callers that keep cookies; all others are drawn anew at each request'),
  ];
};

const checkTtl = (ttl: string | undefined): readonly SpecProblem[] => {
  const ms = durationOr(ttl, SHORTEST_TTL_MS);
  if (ms >= SHORTEST_TTL_MS && ms <= LONGEST_TTL_MS) return [];
  return [error(`${PATH}.ttl`, `is ${ttl}, expected 1s to 400d, as long as browsers keep a cookie`)];
};

/** Who has been given the cookie has one more: what compares all of them at once does not match any more. */
const checkWholeCookies = ({ steps, stickiness }: CanarySpec): readonly SpecProblem[] =>
  steps.flatMap(({ setHeaderRoute }, step) =>
    (setHeaderRoute?.match ?? []).flatMap(({ headers }, index) => {
      const whole = headers?.['cookie']?.exact;
      if (whole === undefined) return [];
      const path = `spec.strategy.canary.steps[${step}].setHeaderRoute.match[${index}].headers.cookie.exact`;
      return [error(path, `matches nobody who has the cookie ${stickiness?.cookie}`, `use regex: '(.*;\\s*)?${whole}(;.*)?'`)];
    }),
  );
