const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** How long ago something was, as kubectl writes it: `14s`, `5m12s`, `3h7m`, `26h`, `5d`, `2y40d`. */
export const ageText = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (large: number, unit: string, small: number, rest: string): string => {
    const remaining = Math.floor((seconds % large) / small);
    return `${Math.floor(seconds / large)}${unit}${remaining === 0 ? '' : `${remaining}${rest}`}`;
  };
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return two(MINUTE, 'm', 1, 's');
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return two(HOUR, 'h', MINUTE, 'm');
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return two(DAY, 'd', HOUR, 'h');
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  return seconds < 8 * YEAR ? two(YEAR, 'y', DAY, 'd') : `${Math.floor(seconds / YEAR)}y`;
};

/** How long a person still has to wait: to the second. */
export const countdownText = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const units = [Math.floor(seconds / DAY), Math.floor(seconds / HOUR) % 24, Math.floor(seconds / MINUTE) % 60, seconds % 60];
  const first = units.findIndex(count => count > 0);
  if (first === -1) return '0s';
  return units
    .slice(first, first + 2)
    .map((count, index) => `${count}${['d', 'h', 'm', 's'][first + index] ?? ''}`)
    .join('');
};
