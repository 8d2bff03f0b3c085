import { describe, expect, it } from 'vitest';
import { createRandom, type Random, seedOf } from './judge/random.ts';

const DRAWS = 40_000;

const momentsOf = (draw: (random: Random) => number): { readonly mean: number; readonly variance: number } => {
  const random = createRandom(42);
  const values = Array.from({ length: DRAWS }, () => draw(random));
  const mean = values.reduce((sum, value) => sum + value, 0) / DRAWS;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (DRAWS - 1) };
};

/** Five standard errors of the mean; the variance within 6 %. */
const expectMoments = (draw: (random: Random) => number, mean: number, variance: number): void => {
  const found = momentsOf(draw);
  expect(Math.abs(found.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / DRAWS));
  expect(Math.abs(found.variance / variance - 1)).toBeLessThan(0.06);
};

describe('numbers from a seed', () => {
  it('are the same for the same seed, and others for another', () => {
    const first = (seed: number) => Array.from({ length: 5 }, createRandom(seed).uniform);
    expect(first(7)).toEqual(first(7));
    expect(first(7)).not.toEqual(first(8));
  });

  it('seeds differ with each part and with their order', () => {
    expect(new Set([seedOf(1, 2), seedOf(2, 1), seedOf(1, 2, 0), seedOf(1), seedOf(1, 3)]).size).toBe(5);
  });

  it('are uniform', () => expectMoments(random => random.uniform(), 1 / 2, 1 / 12));
  it('are normal', () => expectMoments(random => random.normal(), 0, 1));
  it.each([0.3, 1, 5])('are gamma with shape %d', shape => expectMoments(random => random.gamma(shape), shape, shape));
  it.each([0.2, 7, 40, 25_000])('are Poisson with mean %d', mean => expectMoments(random => random.poisson(mean), mean, mean));

  it.each([
    [30, 0.05],
    [400, 0.3],
    [100_000, 0.0002],
    [15_000, 0.9],
  ])('are binomial with n %d and p %d', (n, p) => expectMoments(random => random.binomial(n, p), n * p, n * p * (1 - p)));

  it('a binomial stays inside its bounds', () => {
    const random = createRandom(3);
    expect([random.binomial(0, 0.5), random.binomial(9, 0), random.binomial(9, 1)]).toEqual([0, 0, 9]);
    const many = Array.from({ length: 2_000 }, () => random.binomial(40, 0.4));
    expect(Math.min(...many)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...many)).toBeLessThanOrEqual(40);
  });
});
