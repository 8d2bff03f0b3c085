import { describe, expect, it } from 'vitest';
import { checkSpec, type RolloutSpec, type StepSpec } from '../../src/rollout/index.ts';
import { check, HALF, MINUTE, SECOND, specOf, worldInProgress } from './check.ts';

const problems = (spec: RolloutSpec) =>
  checkSpec(spec)
    .filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${path} ${message}`);
const header = (length: number, text = 'x'): StepSpec => ({
  setWeight: 0,
  setHeaderRoute: { match: [{ headers: { 'user-agent': { regex: text.repeat(length) } } }] },
  pause: { duration: '1m' },
});

describe('the size of a spec', () => {
  it('R12: is refused with the part that is too large, and what is expected', () => {
    expect(problems(specOf([header(200_000), ...HALF]))).toEqual([]);
    expect(problems(specOf([header(700_000), ...HALF]))).toEqual([
      expect.stringMatching(
        /^spec\.strategy\.canary\.steps\[0\]\.setHeaderRoute\.match\[0\]\S* makes the spec too large \(684 KiB as JSON, 684 KiB of it here\), expected at most 256 KiB$/,
      ),
    ]);
    const gates = Array.from({ length: 60 }, (_, n) => ({
      name: `q${n}`,
      prometheus: { query: 'x'.repeat(8_000) },
      threshold: { min: 1 },
    }));
    expect(problems(specOf(HALF, { analysis: { gates } }))).toEqual([
      expect.stringMatching(/^spec\.analysis\.gates makes the spec too large \(4\d\d KiB/),
    ]);
  });

  it('R12: counts bytes, not characters', () => {
    expect(problems(specOf([header(100_000, 'é'), ...HALF]))).toEqual([]);
    expect(problems(specOf([header(100_000, '語'), ...HALF]))).toEqual([expect.stringMatching(/too large \(294 KiB/)]);
    expect(problems(specOf([header(60_000, '😀'), ...HALF]))).toEqual([]);
    expect(problems(specOf([header(70_000, '😀'), ...HALF]))).toEqual([expect.stringMatching(/too large \(274 KiB/)]);
  });

  it('R12, R28: steps that repeat a header route many times are refused, too', () => {
    const steps = Array.from({ length: 20 }, (_, n): StepSpec => ({ setWeight: n + 1, pause: { duration: '1m' } }));
    expect(problems(specOf([header(10_000), ...steps]))).toEqual([]);
    expect(problems(specOf([header(50_000), ...steps]))).toEqual([
      expect.stringMatching(/^spec\.strategy has steps that take 10\d\d KiB in the status.*expected at most 512 KiB$/),
    ]);
  });

  it('R12: nothing starts with it, and what is in progress stands still', () => {
    const world = worldInProgress({ installation: { prometheus: ['default'], zipkin: [] } });
    world.commit({ strategy: { canary: { steps: [header(700_000), ...HALF] } } });
    check(world.run(MINUTE), { phase: 'Invalid', mesh: [50], message: /too large .* expected at most 256 KiB/ });
    world.setPods('v2', 0);
    check(world.run(5 * SECOND), { mesh: [0] });
  });
});
