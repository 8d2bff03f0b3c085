import type { Json, JsonObject } from './json.ts';
import { applyJsonPatch } from './jsonpatch.ts';
import { applyMergePatch, applyStrategicPatch } from './mergepatch.ts';
import type { Resource } from './resources.ts';
import { unsupportedMediaType } from './status.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
/** Content type of server-side apply. */
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** Refuses patch types that the resource does not take with 415: strategic merge is for built-in kinds only. */
export function checkPatchType(contentType: string, resource: Resource): void {
  const accepted = [JSON_PATCH, MERGE_PATCH, ...(resource.custom ? [] : [STRATEGIC_PATCH])];
  if (!accepted.includes(contentType)) throw unsupportedMediaType([...accepted, APPLY_PATCH]);
}

/** Applies a patch of the given content type to a copy. Throws PatchError when a JSON Patch cannot be applied. */
export function applyPatch(current: JsonObject, contentType: string, patch: Json): Json {
  switch (contentType) {
    case JSON_PATCH:
      return applyJsonPatch(current, patch);
    case MERGE_PATCH:
      return applyMergePatch(current, patch);
    default:
      return applyStrategicPatch(current, patch);
  }
}
