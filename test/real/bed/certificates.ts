import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

/** Paths of PEM files. One authority signs for the API server and for istiod's webhook. */
export interface Certificates {
  readonly ca: string;
  readonly apiServer: KeyPair;
  readonly istiod: KeyPair;
  /** Pair that signs tokens of ServiceAccounts. */
  readonly serviceAccounts: { readonly privateKey: string; readonly publicKey: string };
}

interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args, { timeoutMs: 30_000 });
}

async function signed(directory: string, name: string, alternativeNames: string): Promise<KeyPair> {
  const pair = { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  const authority = ['-CA', join(directory, 'ca.crt'), '-CAkey', join(directory, 'ca.key')];
  const extensions = ['-addext', `subjectAltName=${alternativeNames}`, '-addext', 'basicConstraints=critical,CA:FALSE'];
  await openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    ...authority,
    '-subj',
    `/CN=${name}`,
    ...extensions,
    '-keyout',
    pair.key,
    '-out',
    pair.certificate,
  );
  return pair;
}

/** Makes all keys and certificates of a bed with openssl (3.0 or newer), good for 30 days. */
export async function createCertificates(directory: string): Promise<Certificates> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(directory, name);
  await openssl('req', '-x509', ...NEW_KEY, '-subj', '/CN=bed authority', '-keyout', at('ca.key'), '-out', at('ca.crt'));
  const serviceAccounts = { privateKey: at('service-accounts.key'), publicKey: at('service-accounts.pub') };
  await openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', serviceAccounts.privateKey);
  await openssl('pkey', '-in', serviceAccounts.privateKey, '-pubout', '-out', serviceAccounts.publicKey);
  return {
    ca: at('ca.crt'),
    apiServer: await signed(directory, 'kube-apiserver', 'IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc'),
    istiod: await signed(directory, 'istiod', 'IP:127.0.0.1,DNS:istiod.istio-system.svc'),
    serviceAccounts,
  };
}
