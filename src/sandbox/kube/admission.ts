import { destinationRuleErrors, virtualServiceErrors } from '../mesh/validation.ts';
import { at, type KubeObject, stringOf } from './json.ts';
import type { Resource } from './resources.ts';
import { ApiError, badRequest, invalid } from './status.ts';

const WEBHOOK = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ';

/** RFC 3339 with exactly six digits of a second, as MicroTime is written. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;

function checkMicroTimes(kind: string, version: string, times: readonly unknown[]): void {
  const wrong = times.find(time => typeof time === 'string' && !MICRO_TIME.test(time));
  if (wrong === undefined) return;
  const parsing = `parsing time ${JSON.stringify(wrong)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse`;
  throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${parsing}`);
}

function checkEvent(resource: Resource, object: KubeObject): void {
  const involved = stringOf(at(object, 'involvedObject', 'namespace'));
  if (!involved || involved === object.metadata.namespace) return;
  const message = `Invalid value: ${JSON.stringify(involved)}: does not match event.namespace`;
  throw invalid(resource, object.metadata.name, [{ reason: 'FieldValueInvalid', field: 'involvedObject.namespace', message }]);
}

function checkIstio(kind: string, object: KubeObject): void {
  const checks: { readonly [kind: string]: (spec: unknown) => string[] } = {
    VirtualService: virtualServiceErrors,
    DestinationRule: destinationRuleErrors,
  };
  const errors = checks[kind]?.(object['spec']) ?? [];
  if (errors.length === 0) return;
  const detail =
    errors.length === 1 ? errors[0] : `${errors.length} errors occurred:\n${errors.map(text => `\t* ${text}\n`).join('')}\n`;
  throw new ApiError(400, '', `${WEBHOOK}${detail}`);
}

/** Refuses what typed decoding, validation of built-in kinds or istiod's validating webhook would refuse; other kinds pass. */
export function admit(resource: Resource, object: KubeObject): void {
  if (resource.group === 'networking.istio.io') checkIstio(resource.kind, object);
  if (resource.kind === 'Lease')
    checkMicroTimes('Lease', 'v1', [at(object, 'spec', 'renewTime'), at(object, 'spec', 'acquireTime')]);
  if (resource.id === 'events') {
    checkMicroTimes('Event', 'v1', [object['eventTime']]);
    checkEvent(resource, object);
  }
}
