// Program: serves the repositories below a folder over HTTP, by Git's own CGI program. Its one argument is a JSON object of GitServerSettings.
// A file <repository>/bed-credentials with "user:password" makes it ask for them.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

interface GitServerSettings {
  readonly root: string;
  readonly port: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as GitServerSettings;

/** Whether the request may pass: the repository is open, or the request carries its credentials. */
function mayPass(path: string, authorization: string | undefined): boolean {
  const repository = path.split('/')[1] ?? '';
  let credentials: string;
  try {
    credentials = readFileSync(join(settings.root, repository, 'bed-credentials'), 'utf8').trim();
  } catch {
    return true;
  }
  return authorization === `Basic ${Buffer.from(credentials).toString('base64')}`;
}

function cgiEnvironment(request: http.IncomingMessage, url: URL): Record<string, string> {
  const { headers } = request;
  return {
    PATH: process.env['PATH'] ?? '',
    GIT_PROJECT_ROOT: settings.root,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    REQUEST_METHOD: request.method ?? 'GET',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    REMOTE_USER: 'bed',
    REMOTE_ADDR: '127.0.0.1',
    CONTENT_TYPE: headers['content-type'] ?? '',
    ...(headers['content-length'] ? { CONTENT_LENGTH: headers['content-length'] } : {}),
    ...(headers['content-encoding'] ? { HTTP_CONTENT_ENCODING: headers['content-encoding'] } : {}),
    ...(typeof headers['git-protocol'] === 'string' ? { GIT_PROTOCOL: headers['git-protocol'] } : {}),
  };
}

/** Writes the head of a CGI answer ("Status: 404 Not Found", then header lines) to the HTTP answer. */
function writeHead(response: http.ServerResponse, head: string): void {
  for (const line of head.split(/\r?\n/)) {
    const [name = '', value = ''] = line.split(/:\s*(.*)/s);
    if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
    else if (name) response.setHeader(name, value);
  }
}

function serve(request: http.IncomingMessage, response: http.ServerResponse, url: URL): void {
  const cgi = spawn('git', ['http-backend'], { env: cgiEnvironment(request, url), stdio: ['pipe', 'pipe', 'inherit'] });
  let head: Buffer | undefined = Buffer.alloc(0);
  cgi.stdout.on('data', (chunk: Buffer) => {
    if (!head) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    writeHead(response, head.toString('latin1', 0, end));
    response.write(head.subarray(end + 4));
    head = undefined;
  });
  cgi.stdin.on('error', () => {
    // it may answer without reading all of the request
  });
  cgi.on('error', error => response.writeHead(500).end(error.message));
  cgi.on('close', () => {
    if (head && !response.headersSent) response.writeHead(500);
    response.end();
  });
  response.on('close', () => cgi.kill());
  request.pipe(cgi.stdin);
}

http
  .createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/ready') response.end('ready\n');
    else if (!mayPass(url.pathname, request.headers.authorization)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="bed"' }).end();
    } else serve(request, response, url);
  })
  .listen(settings.port, '127.0.0.1');
