import type { Sticky } from '../../rollout/index.ts';
import { type Fields, fieldsOf, textOf } from './resource.ts';
import { literal } from './stringMatch.ts';
import { RouteRefusedError } from './trafficEdit.ts';

const SET_COOKIE = 'set-cookie';

/** What the cookie of somebody who met the new version says; bound to the attempt, so that the next one starts anew. */
export const canaryValue = (revision: string): string => `${revision}-canary`;

/** What the cookie of somebody says who met stable while the new version had this weight. */
export const stableValue = (revision: string, weight: number): string => `${revision}-stable-${weight}`;

/** A regular expression (RE2, whole value) for a `cookie` header that has this cookie, as one of several. */
export const cookieRegex = ({ cookie }: Sticky, value: string): string =>
  `(?:.*;\\s*)?${literal(cookie)}=${literal(value)}(?:\\s*;.*)?`;

/** The value of a `set-cookie` header. Envoy takes a single percent sign for the beginning of a variable. */
const setCookie = ({ cookie, ttlMs }: Sticky, value: string): string =>
  [
    `${cookie.replaceAll('%', '%%')}=${value}`,
    'Path=/',
    ...(ttlMs === undefined ? [] : [`Max-Age=${Math.ceil(ttlMs / 1000)}`]),
    'HttpOnly',
    'SameSite=Lax',
  ].join('; ');

/** What we write, with any name and revision. */
const OF_OURS = /^[^=;\s]+=[0-9a-z]+-(?:canary|stable-\d{1,2}); Path=\/(?:; Max-Age=\d+)?; HttpOnly; SameSite=Lax$/;

const headersIn = (destination: Fields, action: 'add' | 'set'): Fields =>
  fieldsOf(fieldsOf(fieldsOf(destination['headers'])['response'])[action]);

const keyOfCookie = (headers: Fields): string | undefined => Object.keys(headers).find(name => name.toLowerCase() === SET_COOKIE);

/** The cookie of ours that a destination sets; `cookie`: the name that we recorded, also if somebody changed the rest. */
export function ourCookieIn(destination: Fields, cookie: string | undefined): string | undefined {
  const text = textOf(headersIn(destination, 'add')[SET_COOKIE]);
  if (text === undefined) return undefined;
  const isRecorded = cookie !== undefined && text.startsWith(`${cookie.replaceAll('%', '%%')}=`);
  return isRecorded || OF_OURS.test(text) ? text : undefined;
}

/** The destination as it was before we had it set a cookie. */
export function withoutOurCookie(destination: Fields, cookie: string | undefined): Fields {
  if (ourCookieIn(destination, cookie) === undefined) return destination;
  const headers = fieldsOf(destination['headers']);
  const response = fieldsOf(headers['response']);
  const { [SET_COOKIE]: _, ...add } = fieldsOf(response['add']);
  return prunedOf(destination, 'headers', prunedOf(headers, 'response', prunedOf(response, 'add', add)));
}

/** An object that has nothing left goes with its last field. */
const prunedOf = (fields: Fields, key: string, value: Fields): Fields => {
  const { [key]: _, ...others } = fields;
  return Object.keys(value).length === 0 ? others : { ...fields, [key]: value };
};

/** The destination with a cookie of ours, beside users' own headers. */
export function withCookie(destination: Fields, sticky: Sticky, value: string): Fields {
  const headers = fieldsOf(destination['headers']);
  const response = fieldsOf(headers['response']);
  const add = { ...fieldsOf(response['add']), [SET_COOKIE]: setCookie(sticky, value) };
  return { ...destination, headers: { ...headers, response: { ...response, add } } };
}

/**
 * Throws RouteRefusedError when users' own headers and ours would be in each other's way: there is one value for a header
 * in `add`, and what a route sets or removes undoes what its destinations add.
 */
export function checkNoOtherCookie(destinations: readonly Fields[], route: Fields, where: string): void {
  const refuse = (what: string): never => {
    throw new RouteRefusedError(
      `${where} ${what} set-cookie in responses, where the cookie that keeps people on a version has to stand; ` +
        'have the application do that, or take stickiness out of the Rollout',
    );
  };
  for (const destination of destinations) {
    if (keyOfCookie(headersIn(destination, 'add')) !== undefined) refuse('has a destination that adds');
  }
  for (const fields of [route, ...destinations]) {
    if (keyOfCookie(headersIn(fields, 'set')) !== undefined) refuse('sets');
    if (removesCookie(fields)) refuse('removes');
  }
}

const removesCookie = (fields: Fields): boolean => {
  const { remove } = fieldsOf(fieldsOf(fields['headers'])['response']);
  return Array.isArray(remove) && remove.some(name => String(name).toLowerCase() === SET_COOKIE);
};
