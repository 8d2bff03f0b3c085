import type { Json, JsonObject } from './json.ts';

/** One wrong field of an object, as the API server words it. */
export interface FieldError {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooMany'
    | 'FieldValueTooLong';
  readonly field: string;
  readonly message: string;
}

/** What an error is about: plural and group, for messages such as `deployments.apps "x" not found`. */
export interface Subject {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** A refusal that the HTTP layer turns into a Kubernetes Status body. */
export class ApiError extends Error {
  readonly code: number;
  readonly body: JsonObject;

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    super(message);
    this.code = code;
    const status: JsonObject = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message };
    if (reason) status['reason'] = reason;
    if (details) status['details'] = details;
    this.body = { ...status, code };
  }
}

const qualified = (subject: Subject) => (subject.group ? `${subject.plural}.${subject.group}` : subject.plural);

const about = (subject: Subject, name: string): JsonObject => {
  const details: JsonObject = { name };
  if (subject.group) details['group'] = subject.group;
  return { ...details, kind: subject.plural };
};

/** 404 for an object. */
export function notFound(subject: Subject, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(subject)} "${name}" not found`, about(subject, name));
}

/** 404 for a path that nothing is served at. */
export function unknownPath(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 403 for somebody without the right. */
export function forbidden(
  subject: Subject,
  { verb, subresource, namespace, name }: { verb: string; subresource: string; namespace: string; name: string },
  user: string,
): ApiError {
  const resource = subresource ? `${subject.plural}/${subresource}` : subject.plural;
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const what = `User "${user}" cannot ${verb} resource "${resource}" in API group "${subject.group}" ${scope}`;
  return new ApiError(
    403,
    'Forbidden',
    `${qualified(subject)} ${name ? `"${name}" ` : ''}is forbidden: ${what}`,
    about(subject, name),
  );
}

/** 409 for a name that is taken. */
export function alreadyExists(subject: Subject, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(subject)} "${name}" already exists`, about(subject, name));
}

/** 409 for a stale resourceVersion or uid. */
export function conflict(subject: Subject, name: string, why?: string): ApiError {
  const text = why ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(subject)} "${name}": ${text}`,
    about(subject, name),
  );
}

/** 422 for an object whose fields are wrong. */
export function invalid(subject: Subject, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map(error => `${error.field}: ${error.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const kind = subject.group ? `${subject.kind}.${subject.group}` : subject.kind;
  const causes: Json[] = errors.map(error => ({ reason: error.reason, message: error.message, field: error.field }));
  const details = { name, group: subject.group, kind: subject.kind, causes };
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, details);
}

/** 422 for a JSON Patch that cannot be applied, among them a failed `test`. */
export function unappliablePatch(): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

/** 400 for a request that cannot be understood. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** 405 for a verb that the resource does not have. */
export function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** 410 for a resourceVersion that the history no longer reaches. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** 415 for a body in a format that is not accepted here. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

/** 401 for a missing or wrong token. */
export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** The Status of a success that has no object to return. */
export function success(details: JsonObject): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
