// @ts-check
/**
 * Times as people read them: ages, countdowns, and times of day of the reader, with UTC beside them.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A clock that is less off than this is taken as right: the header Date has whole seconds. */
const TOLERATED_SKEW_MS = 2_500;

/** How far the clock of the server is ahead of this one. */
let skewMs = 0;

/** The time of the server as far as it is known, so that countdowns are right on a machine whose clock is not. */
export const nowMs = () => Date.now() + skewMs;

/**
 * @param {string | null} date header Date of an answer that has just come
 */
export const setServerTime = date => {
  const offMs = date === null ? Number.NaN : Date.parse(date) - Date.now();
  if (!Number.isNaN(offMs)) skewMs = Math.abs(offMs) > TOLERATED_SKEW_MS ? offMs : 0;
};

/**
 * `45s`, `12m`, `3h 12m`, `2d 4h`, `12d`.
 * @param {number} ms
 */
const spanText = ms => {
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h ${Math.floor((ms % HOUR_MS) / MINUTE_MS)}m`;
  const days = Math.floor(ms / DAY_MS);
  return days >= 10 ? `${days}d` : `${days}d ${Math.floor((ms % DAY_MS) / HOUR_MS)}h`;
};

/**
 * How long ago: `45s`, `12m`, `3h 12m`, `2d 4h`. Empty when `iso` is no time.
 * @param {string} iso RFC 3339
 * @param {number} nowMs
 */
export const ageText = (iso, nowMs) => {
  const atMs = Date.parse(iso);
  return Number.isNaN(atMs) ? '' : spanText(Math.max(0, nowMs - atMs));
};

/**
 * How long until then: `in 45s`, `in 4m 05s`, `in 3h 12m`; `due` when it is over. Empty when `iso` is no time.
 * @param {string} iso RFC 3339
 * @param {number} nowMs
 */
export const countdownText = (iso, nowMs) => {
  const atMs = Date.parse(iso);
  if (Number.isNaN(atMs)) return '';
  const leftMs = Math.ceil((atMs - nowMs) / SECOND_MS) * SECOND_MS;
  if (leftMs <= 0) return 'due';
  if (leftMs < MINUTE_MS || leftMs >= HOUR_MS) return `in ${spanText(leftMs)}`;
  const seconds = String((leftMs % MINUTE_MS) / SECOND_MS).padStart(2, '0');
  return `in ${spanText(leftMs)} ${seconds}s`;
};

/** Of Sweden, as it writes years, months and days in that order. */
const ORDERED = 'sv-SE';

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {number} atMs
 * @param {string | undefined} timeZone
 */
const writtenOut = (atMs, timeZone) => {
  const key = timeZone ?? '';
  const format =
    formats.get(key) ??
    new Intl.DateTimeFormat(ORDERED, {
      dateStyle: 'short',
      timeStyle: 'medium',
      ...(timeZone === undefined ? {} : { timeZone }),
    });
  formats.set(key, format);
  return format.format(atMs);
};

/**
 * The time where the reader is: `14:03:10` today, `2026-11-21 14:03` on another day. Empty when `iso` is no time.
 * @param {string} iso RFC 3339
 * @param {number} nowMs
 * @param {string} [timeZone] default: the reader's
 */
export const clockText = (iso, nowMs, timeZone) => {
  const atMs = Date.parse(iso);
  if (Number.isNaN(atMs)) return '';
  const [day = '', time = ''] = writtenOut(atMs, timeZone).split(' ');
  const [today] = writtenOut(nowMs, timeZone).split(' ');
  return day === today ? time : `${day} ${time.slice(0, 5)}`;
};

/**
 * Both, for those who compare with a log: `2026-11-21 15:03:10 here, 2026-11-21 14:03:10 UTC`.
 * @param {string} iso RFC 3339
 * @param {string} [timeZone] default: the reader's
 */
export const exactText = (iso, timeZone) => {
  const atMs = Date.parse(iso);
  return Number.isNaN(atMs) ? '' : `${writtenOut(atMs, timeZone)} here, ${writtenOut(atMs, 'UTC')} UTC`;
};
