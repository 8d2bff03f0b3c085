/** Numbers that look random and follow from a seed alone, the same on every machine. */
export type Random = {
  /** Uniform in [0, 1). */
  uniform(): number;
  normal(): number;
  /** Mean `shape`. */
  gamma(shape: number): number;
  poisson(mean: number): number;
  binomial(n: number, p: number): number;
};

/** sfc32 of Chris Doty-Humphrey (PractRand): 128 bits of state, of which a third are the seed's. */
const sfc32 = (seed: number): (() => number) => {
  let [a, b, c, counter] = [seed | 0, mix(seed ^ 0x9e3779b9), mix(seed ^ 0x243f6a88), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
};

/** Finalizer of MurmurHash3: neighbours among seeds become strangers. */
const mix = (value: number): number => {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
};

/** One seed out of several numbers, order included. */
export const seedOf = (...parts: readonly number[]): number =>
  parts.reduce((seed, part) => mix(Math.imul(seed, 31) + mix(part + 0x51ed270b)), 17);

export const createRandom = (seed: number): Random => {
  const next = sfc32(seed);
  const uniform = (): number => next() / 4_294_967_296;
  /** Never 0, for logarithms. */
  const positive = (): number => (next() + 0.5) / 4_294_967_296;
  const normal = (): number => Math.sqrt(-2 * Math.log(positive())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    gamma: shape => gamma(shape, normal, positive),
    poisson: mean => (mean < 10 ? smallPoisson(mean, uniform) : largePoisson(mean, uniform)),
    binomial: (n, p) => binomial(n, p, uniform),
  };
};

type Draw = () => number;

/** Marsaglia and Tsang, ACM TOMS 26 (2000). */
const gamma = (shape: number, normal: Draw, positive: Draw): number => {
  if (shape < 1) return gamma(shape + 1, normal, positive) * positive() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(positive()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
};

const smallPoisson = (mean: number, uniform: Draw): number => {
  const limit = Math.exp(-mean);
  let product = uniform();
  let count = 0;
  while (product > limit) {
    product *= uniform();
    count += 1;
  }
  return count;
};

/** PTRS: transformed rejection with a squeeze, Hörmann, Insurance: Mathematics and Economics 12 (1993). */
const largePoisson = (mean: number, uniform: Draw): number => {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const logScale = Math.log(1.1239 + 1.1328 / (b - 3.4));
  const squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const room = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / room + b) * u + mean + 0.43);
    if (room >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (room < 0.013 && v > room)) continue;
    if (Math.log(v) + logScale - Math.log(a / (room * room) + b) <= k * Math.log(mean) - mean - logFactorial(k)) return k;
  }
};

const binomial = (n: number, p: number, uniform: Draw): number => {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p, uniform);
  return n * p < 10 ? smallBinomial(n, p, uniform) : largeBinomial(n, p, uniform);
};

/** Inversion of the distribution, from 0 upwards. */
const smallBinomial = (n: number, p: number, uniform: Draw): number => {
  const odds = p / (1 - p);
  let term = Math.exp(n * Math.log1p(-p));
  let left = uniform();
  let k = 0;
  while (left > term && k < n) {
    left -= term;
    k += 1;
    term *= (odds * (n - k + 1)) / k;
  }
  return k;
};

/** BTRS: transformed rejection with a squeeze, Hörmann, Journal of Statistical Computation and Simulation 46 (1993). */
const largeBinomial = (n: number, p: number, uniform: Draw): number => {
  const deviation = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const scale = (2.83 + 5.1 / b) * deviation;
  const squeeze = 0.92 - 4.2 / b;
  const odds = p / (1 - p);
  const mode = Math.floor((n + 1) * p);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const room = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / room + b) * u + n * p + 0.5);
    if (room >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > n) continue;
    const bound =
      logFactorial(mode) + logFactorial(n - mode) - logFactorial(k) - logFactorial(n - k) + (k - mode) * Math.log(odds);
    if (Math.log((v * scale) / (a / (room * room) + b)) <= bound) return k;
  }
};

const SMALL_FACTORIALS = Array.from({ length: 16 }, (_, k) =>
  Array.from({ length: k }, (_, i) => Math.log(i + 1)).reduce((sum, term) => sum + term, 0),
);

/** Stirling's series; off by less than 1e-10. */
const logFactorial = (k: number): number => {
  const small = SMALL_FACTORIALS[k];
  if (small !== undefined) return small;
  const n = k + 1;
  const tail = (1 / 12 - (1 / 360 - 1 / (1260 * n * n)) / (n * n)) / n;
  return (k + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + tail;
};
