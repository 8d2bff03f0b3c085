import { Hono } from 'hono';
import type { Inbound } from '../inbound.ts';
import type { Metrics } from '../metrics.ts';

/** Liveness, readiness and metrics. `waitingFor` says why the process is not ready yet. */
export const processRoutes = (deps: {
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  readonly waitingFor: () => string | undefined;
}): Hono<Inbound> => {
  const routes = new Hono<Inbound>();
  routes.get('/healthz', context => context.text('ok\n'));
  routes.get('/readyz', context => {
    const reason = deps.waitingFor();
    return reason === undefined ? context.text('ok\n') : context.text(`${reason}\n`, 503);
  });
  routes.get('/metrics', async context =>
    context.body(await deps.metrics.text(), 200, { 'content-type': deps.metrics.contentType }),
  );
  return routes;
};
