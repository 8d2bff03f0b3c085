import { type Json, type JsonObject, listOf } from '../kube/json.ts';

/** A wrong control request; answered with 400. */
export class BadControl extends Error {}

/** A number from 0 to `max`, or undefined when it is not given. Throws for anything else, as the others here do. */
export const numberIn = (body: JsonObject, key: string, max: number): number | undefined => {
  const value = body[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value <= max))
    throw new BadControl(`${key}: expected a number from 0 to ${max}`);
  return value;
};

/** True or false, or undefined when it is not given. */
export const flagIn = (body: JsonObject, key: string): boolean | undefined => {
  const value = body[key];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new BadControl(`${key}: expected true or false`);
};

/** A text that is not empty. */
export function textIn(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== 'string' || !value) throw new BadControl(`${key}: expected a name`);
  return value;
}

/** The text as a part of an object, or nothing when it is not given. */
export function optionalTextIn<K extends string>(body: JsonObject, key: K): { [name in K]?: string } {
  return body[key] === undefined ? {} : ({ [key]: textIn(body, key) } as { [name in K]?: string });
}

/** A list, empty when it is not given. */
export function listIn(body: JsonObject, key: string): Json[] {
  const value = body[key];
  if (value !== undefined && !Array.isArray(value)) throw new BadControl(`${key}: expected a list`);
  return listOf(value);
}
