import type { Switchable } from '../outage.ts';
import type { Resource } from './resources.ts';
import { ApiError } from './status.ts';

const TIMEOUT_MS = 10_000;
const CALL = 'Internal error occurred: failed calling webhook "rev.validation.istio.io": failed to call webhook:';
const POST = 'Post "https://istiod.istio-system.svc:443/validate?timeout=10s":';

/** Asks istiod whether a write of its kinds may pass; with istiod away (failurePolicy Fail) every one ends in a 500, a silent one after ten seconds. */
export async function callWebhook(istiod: Switchable, resource: Resource): Promise<void> {
  const mode = istiod.mode();
  if (mode === 'ok' || resource.group !== 'networking.istio.io') return;
  if (mode !== 'hang')
    throw new ApiError(500, 'InternalError', `${CALL} ${POST} dial tcp 127.0.0.1:443: connect: connection refused`);
  await new Promise(resolve => setTimeout(resolve, TIMEOUT_MS).unref());
  throw new ApiError(500, 'InternalError', `${CALL} ${POST} context deadline exceeded`);
}
