/** A JSON value as it travels over the wire. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; absent members read as undefined. */
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** What every Kubernetes object says about itself. */
interface Metadata extends JsonObject {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  finalizers?: string[];
}

/** A Kubernetes object. Stored objects are never changed in place: copy, change, store. */
export interface KubeObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

/** True for JSON objects, false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object, or an empty one: for reading optional parts. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The array, or an empty one. */
export function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The string, or undefined. */
export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The number, or undefined. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** The string members of an object, for labels and selectors. */
export function stringsOf(value: unknown): { [key: string]: string } {
  const out: { [key: string]: string } = {};
  for (const [key, member] of Object.entries(objectOf(value))) if (typeof member === 'string') out[key] = member;
  return out;
}

/** The value below a chain of member names, or undefined. */
export function at(value: unknown, ...path: string[]): Json | undefined {
  let current = value as Json | undefined;
  for (const key of path) current = isObject(current) ? current[key] : undefined;
  return current;
}

/** Deep equality of JSON values; the order of members does not matter, absent and undefined are the same. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => equalJson(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(key => equalJson(a[key], b[key]));
}

/** True when every selector label is on the object; an empty selector matches nothing. */
export function matchesLabels(selector: { [key: string]: string }, labels: { [key: string]: string } | undefined): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([key, value]) => labels?.[key] === value);
}
