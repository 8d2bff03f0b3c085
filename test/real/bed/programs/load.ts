// Program: sends requests at a steady rate whether or not answers come (open loop), and keeps a record of each. Its one argument is a JSON
// object of LoadSettings; its parent asks for records over the IPC channel, and it ends with it.
import http from 'node:http';
import { createRecords, type LoadQuestion, type RequestRecord } from './loadRecords.ts';

export interface LoadSettings {
  /** Where the requests go: the gateway. */
  readonly host: string;
  readonly port: number;
  /** Host header. */
  readonly authority: string;
  readonly path: string;
  readonly ratePerSecond: number;
  /** Headers of the requests, one set after the other: different users mixed over time. */
  readonly headerSets: readonly Readonly<Record<string, string>>[];
  readonly timeoutMs: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as LoadSettings;
const records = createRecords();
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
const TICK_MS = 4;
let sent = 0;
let inFlight = 0;
let running = true;

function send(): void {
  const number = sent++;
  const startMs = Date.now();
  const started = performance.now();
  inFlight++;
  let isOver = false;
  const over = (result: Pick<RequestRecord, 'status' | 'version' | 'pod' | 'error'>) => {
    if (isOver) return;
    isOver = true;
    inFlight--;
    records.add({ number, startMs, durationMs: performance.now() - started, ...result });
  };
  // the number in the path joins a request with lines of Envoy's access log
  const path = `${settings.path}${settings.path.includes('?') ? '&' : '?'}n=${number}`;
  const headers = { ...settings.headerSets[number % settings.headerSets.length], host: settings.authority };
  const request = http.get(
    { host: settings.host, port: settings.port, path, headers, agent, timeout: settings.timeoutMs },
    response => {
      const text = (name: string) => String(response.headers[name] ?? '');
      response.resume();
      response.on('error', (error: Error) =>
        over({ status: 0, version: text('x-version'), pod: text('x-pod'), error: error.message }),
      );
      response.on('end', () =>
        over({ status: response.statusCode ?? 0, version: text('x-version'), pod: text('x-pod'), error: '' }),
      );
    },
  );
  request.on('timeout', () => request.destroy(new Error(`no answer in ${settings.timeoutMs} ms`)));
  request.on('error', (error: Error) => over({ status: 0, version: '', pod: '', error: error.message }));
}

const startedMs = performance.now();
setInterval(() => {
  if (!running) return;
  const due = Math.floor(((performance.now() - startedMs) * settings.ratePerSecond) / 1_000);
  while (sent < due) send();
}, TICK_MS);

process.on('message', (question: LoadQuestion) => {
  if (question.kind === 'stop') running = false;
  process.send?.({ id: question.id, answer: question.kind === 'stop' ? { sent, inFlight } : records.answer(question) });
});
process.on('disconnect', () => process.exit(0));
// the parent may be gone before the line above was reached
if (!process.connected) process.exit(0);
