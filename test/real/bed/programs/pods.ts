// Program: plays the containers of all Pods of a bed. Its one argument is a JSON object of PodsSettings.
// GET /ready, /stats, /metrics; POST /behaviour {scope, behaviour}.
import http from 'node:http';
import { type Behaviour, type BehaviourScope, createBehaviours } from './behaviour.ts';
import { createPodServers } from './podServers.ts';
import { createPodTelemetry } from './podTelemetry.ts';
import { type PodListener, type PodWatchOptions, watchPods } from './podWatch.ts';

interface PodsSettings extends PodWatchOptions {
  readonly podNetwork: string;
  readonly port: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as PodsSettings;
const behaviours = createBehaviours();
const telemetry = createPodTelemetry();
const servers = createPodServers({ addressPrefix: `${settings.podNetwork}.`, behaviours, answered: telemetry.answered });
let synced = false;

async function read(request: http.IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

http
  .createServer((request, response) => {
    const reply = (status: number, body: string) => response.writeHead(status).end(body);
    if (request.url === '/ready') reply(synced ? 200 : 503, `${servers.count()}\n`);
    else if (request.url === '/metrics') reply(200, telemetry.exposition());
    else if (request.url === '/stats') reply(200, JSON.stringify(telemetry.counts()));
    else if (request.url === '/behaviour' && request.method === 'POST') {
      read(request).then(
        body => {
          const { scope, behaviour } = body as { scope: BehaviourScope; behaviour: Behaviour };
          behaviours.set(scope, behaviour);
          servers.behave();
          reply(204, '');
        },
        (error: Error) => reply(400, error.message),
      );
    } else reply(404, '');
  })
  .listen(settings.port, '127.0.0.1');

const listener: PodListener = {
  ...servers,
  listed: pods => {
    servers.listed(pods);
    synced = true;
  },
};
await watchPods(settings, listener);
