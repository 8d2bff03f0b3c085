import type { Random } from './random.ts';

/** How long requests take, in ms. */
export type Shape =
  | { readonly kind: 'log-normal'; readonly medianMs: number; readonly sigma: number }
  /** Answers from a cache, and some that are not. */
  | { readonly kind: 'bimodal'; readonly medianMs: number; readonly slowShare: number; readonly slowRatio: number }
  /** Some requests take very long: a Pareto tail. */
  | { readonly kind: 'heavy-tail'; readonly medianMs: number; readonly tailShare: number; readonly exponent: number };

/** What a version makes of it: everything so many times as long, and a share of the requests delayed. */
export type Slowness = { readonly factor: number; readonly lateShare: number; readonly lateMs: number };

const BIMODAL_SIGMA = 0.35;
const BODY_SIGMA = 0.5;

/** Share of requests that take at most `ms`. */
export const shareUpTo = (shape: Shape, { factor, lateShare, lateMs }: Slowness, ms: number): number => {
  const inTime = plainShareUpTo(shape, ms / factor);
  return lateShare === 0 ? inTime : (1 - lateShare) * inTime + lateShare * plainShareUpTo(shape, (ms - lateMs) / factor);
};

export const drawMs = (shape: Shape, { factor, lateShare, lateMs }: Slowness, random: Random): number => {
  const late = lateShare > 0 && random.uniform() < lateShare ? lateMs : 0;
  return factor * drawPlainMs(shape, random) + late;
};

const plainShareUpTo = (shape: Shape, ms: number): number => {
  if (ms <= 0) return 0;
  const { medianMs } = shape;
  switch (shape.kind) {
    case 'log-normal':
      return normalShare(Math.log(ms / medianMs) / shape.sigma);
    case 'bimodal':
      return (
        (1 - shape.slowShare) * normalShare(Math.log(ms / medianMs) / BIMODAL_SIGMA) +
        shape.slowShare * normalShare(Math.log(ms / (medianMs * shape.slowRatio)) / BIMODAL_SIGMA)
      );
    case 'heavy-tail': {
      const tail = ms < 2 * medianMs ? 0 : 1 - (ms / (2 * medianMs)) ** -shape.exponent;
      return (1 - shape.tailShare) * normalShare(Math.log(ms / medianMs) / BODY_SIGMA) + shape.tailShare * tail;
    }
  }
};

const drawPlainMs = (shape: Shape, random: Random): number => {
  const { medianMs } = shape;
  switch (shape.kind) {
    case 'log-normal':
      return medianMs * Math.exp(shape.sigma * random.normal());
    case 'bimodal': {
      const centerMs = random.uniform() < shape.slowShare ? medianMs * shape.slowRatio : medianMs;
      return centerMs * Math.exp(BIMODAL_SIGMA * random.normal());
    }
    case 'heavy-tail':
      if (random.uniform() >= shape.tailShare) return medianMs * Math.exp(BODY_SIGMA * random.normal());
      return 2 * medianMs * (1 - random.uniform()) ** (-1 / shape.exponent);
  }
};

/** Share of a standard normal distribution up to x; off by less than 1e-7 (Abramowitz and Stegun 26.2.17). */
export const normalShare = (x: number): number => {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = series * Math.exp((-x * x) / 2) * 0.3989422804014327;
  return x >= 0 ? 1 - upper : upper;
};
