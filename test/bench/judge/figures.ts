/** Figures out of many runs. */
export type Share = { readonly count: number; readonly of: number };

const Z = 1.959964;

/** The share and the bounds of its 95 % confidence interval, 0..1 (Wilson, 1927). */
export const wilson = ({ count, of }: Share): { readonly share: number; readonly low: number; readonly high: number } => {
  if (of === 0) return { share: Number.NaN, low: 0, high: 1 };
  const share = count / of;
  const center = (share + Z ** 2 / (2 * of)) / (1 + Z ** 2 / of);
  const half = (Z / (1 + Z ** 2 / of)) * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
  return { share, low: count === 0 ? 0 : center - half, high: count === of ? 1 : center + half };
};

/** Nearest rank; NaN without values. */
export const quantile = (values: readonly number[], q: number): number => {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)] ?? Number.NaN;
};

export const shareOf = <T>(values: readonly T[], isCounted: (value: T) => boolean): Share => ({
  count: values.filter(isCounted).length,
  of: values.length,
});

/** `0.42 % (0.31 to 0.57)`. */
export const shareText = (counted: Share): string => {
  if (counted.of === 0) return '-';
  const { share, low, high } = wilson(counted);
  return `${percent(share)} % (${percent(low)} to ${percent(high)})`;
};

const percent = (share: number): string => {
  const value = 100 * share;
  return value !== 0 && value < 1 ? value.toFixed(2) : value.toFixed(1);
};

/** `45 s`, `15.5 min`; `-` for none. */
export const timeText = (ms: number): string => {
  if (!Number.isFinite(ms)) return '-';
  return ms < 180_000 ? `${Math.round(ms / 1_000)} s` : `${(ms / 60_000).toFixed(1)} min`;
};

export const countText = (value: number): string => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '-');
