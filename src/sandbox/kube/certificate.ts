import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A private key and its self-signed certificate, both PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One DER value: tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(TAG.sequence, ...parts);
const oid = (hex: string) => der(TAG.oid, Buffer.from(hex, 'hex'));
const time = (date: Date) => der(TAG.utcTime, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const YES = der(TAG.boolean, Buffer.from([0xff]));

const extension = (id: string, value: Buffer, critical: boolean) =>
  sequence(oid(id), ...(critical ? [YES] : []), der(TAG.octets, value));

/** Certificate authority, signing and server use, and the names 127.0.0.1 and localhost. */
function extensions(): Buffer {
  const names = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from('localhost')));
  return sequence(
    extension('551d13', sequence(YES), true),
    extension('551d0f', der(TAG.bits, Buffer.from([2, 0x84])), true),
    extension('551d11', names, false),
  );
}

/**
 * Makes a self-signed ECDSA P-256 certificate for 127.0.0.1 that is its own authority (RFC 5280), valid for ten years.
 * kubectl sends a bearer token over TLS only, and Node makes keys but no certificates.
 */
export function createCertificate(): ServerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(TAG.set, sequence(oid('550403'), der(TAG.utf8, Buffer.from('sandbox')))));
  const now = Date.now();
  const validity = sequence(time(new Date(now - 86_400_000)), time(new Date(now + 3650 * 86_400_000)));
  const serial = der(TAG.integer, Buffer.from([1]), randomBytes(15));
  const version = der(0xa0, der(TAG.integer, Buffer.from([2])));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(version, serial, ECDSA_WITH_SHA256, name, validity, name, spki, der(0xa3, extensions()));
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, ECDSA_WITH_SHA256, der(TAG.bits, Buffer.from([0]), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  const cert = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), cert };
}
