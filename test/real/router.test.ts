import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, inject } from 'vitest';
import { createCertificate } from '../../src/sandbox/kube/certificate.ts';
import { type RouterWorld, routerContract } from '../contracts/router.contract.ts';
import { openRouterServer } from '../contracts/routerServer.ts';
import { openBed } from './bed/bed.ts';

const bed = openBed(inject('bedDirectory'));

type Review = { readonly request: { readonly uid: string } };
type How = Parameters<NonNullable<RouterWorld['breakWebhook']>>[0];

const listen = (server: Server, port: number) => new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));

/** A webhook beside istiod's, for the writes of one namespace, that can be put out of order: istiod itself cannot. */
async function startWebhook(namespace: string) {
  const certificate = createCertificate();
  let how: How = 'ok';
  const server = createServer(certificate, async (request, response) => {
    response.setHeader('connection', 'close');
    if (how === 'error500') return void response.writeHead(500, { 'content-type': 'text/plain' }).end('injected failure\n');
    if (how === 'nonsense') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>It works!</html>');
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const { uid } = (JSON.parse(body) as Review).request;
    const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(review));
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const name = `contract-${namespace}`;
  await bed.kubernetes.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'contract.sluice.dev',
        clientConfig: { url: `https://127.0.0.1:${port}/validate`, caBundle: Buffer.from(certificate.cert).toString('base64') },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        rules: [{ operations: ['UPDATE'], apiGroups: ['networking.istio.io'], apiVersions: ['*'], resources: ['*'] }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  return {
    put: async (next: How) => {
      if (next === 'refuse') {
        server.closeAllConnections();
        await new Promise(resolve => server.close(resolve));
      } else if (how === 'refuse') await listen(server, port);
      how = next;
    },
    close: async () => {
      await bed.kubernetes.delete(`/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${name}`);
      server.closeAllConnections();
      server.close();
    },
  };
}

// every write passes the webhook of istiod
describe.runIf(bed.has('istiod'))('contracts', () => {
  routerContract('Istio on kube-apiserver and istiod', 'server', async () => {
    const world = await openRouterServer(bed.kubeconfig);
    const webhook = await startWebhook(world.namespace);
    return {
      ...world,
      breakWebhook: webhook.put,
      close: async () => {
        await webhook.close();
        await world.close();
      },
    };
  });
});
