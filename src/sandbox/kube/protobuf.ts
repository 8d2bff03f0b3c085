import { isObject, type Json, type JsonObject } from './json.ts';

/**
 * How a field of a protobuf message becomes JSON: a scalar, a map of strings, bytes as base64, or a message of its own.
 * `list:` marks repeated fields.
 */
type Shape = 'string' | 'int' | 'bool' | 'map' | 'bytesMap' | 'intOrString' | Message;

interface Field {
  readonly name: string;
  readonly shape: Shape;
  readonly list: boolean;
}

type Message = { readonly [field: number]: Field };

const one = (name: string, shape: Shape = 'string'): Field => ({ name, shape, list: false });
const many = (name: string, shape: Shape = 'string'): Field => ({ name, shape, list: true });

const METADATA: Message = {
  1: one('name'),
  2: one('generateName'),
  3: one('namespace'),
  5: one('uid'),
  6: one('resourceVersion'),
  11: one('labels', 'map'),
  12: one('annotations', 'map'),
  14: many('finalizers'),
};
const metadata = one('metadata', METADATA);
const SELECTOR: Message = { 1: one('matchLabels', 'map') };
const CONTAINER_PORT: Message = { 1: one('name'), 3: one('containerPort', 'int'), 4: one('protocol') };
const CONTAINER: Message = {
  1: one('name'),
  2: one('image'),
  3: many('command'),
  4: many('args'),
  6: many('ports', CONTAINER_PORT),
};
const TEMPLATE: Message = { 1: metadata, 2: one('spec', { 2: many('containers', CONTAINER) }) };
const SERVICE_PORT: Message = { 1: one('name'), 2: one('protocol'), 3: one('port', 'int'), 4: one('targetPort', 'intOrString') };
const ATTRIBUTES: Message = {
  1: one('namespace'),
  2: one('verb'),
  3: one('group'),
  4: one('version'),
  5: one('resource'),
  7: one('name'),
};

/** The kinds that `kubectl create` sends as protobuf, as far as its flags can fill them. */
const KINDS: { readonly [kind: string]: Message } = {
  Namespace: { 1: metadata },
  ServiceAccount: { 1: metadata },
  ConfigMap: { 1: metadata, 2: one('data', 'map') },
  Secret: { 1: metadata, 2: one('data', 'bytesMap'), 3: one('type') },
  Service: { 1: metadata, 2: one('spec', { 1: many('ports', SERVICE_PORT), 2: one('selector', 'map'), 4: one('type') }) },
  Deployment: {
    1: metadata,
    2: one('spec', { 1: one('replicas', 'int'), 2: one('selector', SELECTOR), 3: one('template', TEMPLATE) }),
  },
  SelfSubjectAccessReview: { 1: metadata, 2: one('spec', { 1: one('resourceAttributes', ATTRIBUTES) }) },
};

/** A field as it stands on the wire: a number for varints, bytes for the rest. */
interface WireField {
  readonly number: number;
  readonly value: number | Buffer;
}

function* fieldsOf(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) yield { number: key >> 3, value: varint() };
    else {
      const size = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      yield { number: key >> 3, value: bytes.subarray(at, at + size) };
      at += size;
    }
  }
}

const bytesOf = (value: number | Buffer): Buffer => (typeof value === 'number' ? Buffer.alloc(0) : value);

function mapEntry(bytes: Buffer, binary: boolean): JsonObject {
  const parts = new Map([...fieldsOf(bytes)].map(field => [field.number, bytesOf(field.value)]));
  return { [(parts.get(1) ?? '').toString()]: (parts.get(2) ?? Buffer.alloc(0)).toString(binary ? 'base64' : 'utf8') };
}

function decodeValue(shape: Shape, value: number | Buffer): Json {
  if (shape === 'int') return typeof value === 'number' ? value : 0;
  if (shape === 'bool') return value === 1;
  if (shape === 'string') return bytesOf(value).toString('utf8');
  if (shape === 'map' || shape === 'bytesMap') return mapEntry(bytesOf(value), shape === 'bytesMap');
  if (shape !== 'intOrString') return decodeMessage(shape, bytesOf(value));
  const parts = new Map([...fieldsOf(bytesOf(value))].map(field => [field.number, field.value]));
  return parts.get(1) === 1 ? bytesOf(parts.get(3) ?? 0).toString() : Number(parts.get(2) ?? 0);
}

function decodeMessage(message: Message, bytes: Buffer): JsonObject {
  const out: JsonObject = {};
  for (const { number, value } of fieldsOf(bytes)) {
    const field = message[number];
    if (!field) continue;
    const decoded = decodeValue(field.shape, value);
    const before = out[field.name];
    if (field.list) out[field.name] = [...(Array.isArray(before) ? before : []), decoded];
    else if ((field.shape === 'map' || field.shape === 'bytesMap') && isObject(before))
      out[field.name] = { ...before, ...(decoded as JsonObject) };
    else if (decoded !== '') out[field.name] = decoded;
  }
  return out;
}

const MAGIC = Buffer.from('k8s\0');

/** Decodes the API's protobuf envelope, for the few kinds that kubectl creates that way; undefined for everything else. */
export function decodeProtobuf(body: Buffer): JsonObject | undefined {
  if (!body.subarray(0, 4).equals(MAGIC)) return undefined;
  const envelope = new Map([...fieldsOf(body.subarray(4))].map(field => [field.number, bytesOf(field.value)]));
  const type = decodeMessage({ 1: one('apiVersion'), 2: one('kind') }, envelope.get(1) ?? Buffer.alloc(0));
  const message = KINDS[String(type['kind'])];
  return message && { ...type, ...decodeMessage(message, envelope.get(2) ?? Buffer.alloc(0)) };
}
