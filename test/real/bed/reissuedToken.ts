import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const HOUR_S = 3_600;

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token of a ServiceAccount as it would be had it been issued so much earlier, signed anew with the key of the API server (RS256). */
export function reissued(token: string, { privateKeyFile, hoursAgo }: { privateKeyFile: string; hoursAgo: number }): string {
  const [header = '', payload = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Readonly<Record<string, number>>;
  const earlier = (name: string) => (claims[name] ?? 0) - hoursAgo * HOUR_S;
  const body = `${header}.${encoded({ ...claims, iat: earlier('iat'), nbf: earlier('nbf'), exp: earlier('exp') })}`;
  return `${body}.${createSign('RSA-SHA256').update(body).sign(readFileSync(privateKeyFile, 'utf8'), 'base64url')}`;
}
