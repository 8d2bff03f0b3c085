/** Requests of each version. */
export type Share = { readonly stable: number; readonly canary: number };

/** Few requests tell a share badly: so many of both are looked at, if there are so many. */
const ENOUGH = 100;
const MOST_BACK = 20;

/** The new version's share of the latest requests, in percent; `counted` grows from reading to reading. */
export const recentPercent = (counted: readonly Share[]): number => {
  const last = counted.at(-1);
  if (last === undefined) return 0;
  const before = counted.slice(-1 - MOST_BACK, -1).reverse();
  const since = before.find(earlier => total(last) - total(earlier) >= ENOUGH) ?? before.at(-1) ?? { stable: 0, canary: 0 };
  return percentOf({ stable: last.stable - since.stable, canary: last.canary - since.canary });
};

/** 0 when there are none. */
export const percentOf = (share: Share): number => (total(share) === 0 ? 0 : (100 * share.canary) / total(share));

const total = ({ stable, canary }: Share): number => stable + canary;
