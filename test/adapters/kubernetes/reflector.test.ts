import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/adapters/kubernetes/client.ts';
import { createReflector, type Reflector, type ReflectorTiming } from '../../../src/adapters/kubernetes/reflector.ts';
import { type KubeObject, ROLLOUTS } from '../../../src/adapters/kubernetes/resources.ts';
import { createLines } from './quiet.ts';
import { type ScriptedApi, type ScriptedRequest, sendJson, sendStatus, startScriptedApi } from './scriptedApi.ts';

type Answer = (response: ServerResponse, request: ScriptedRequest) => void;

/** Back-off in milliseconds; a watch that lasts 200 ms was healthy. */
const QUICK: ReflectorTiming = { firstDelayMs: 1, longestDelayMs: 20, livedMs: 200, inactivityMs: 5000 };

let api: ScriptedApi;
let client: KubeClient;
let running: Reflector[];
let log: ReturnType<typeof createLines>;
let seen: string[];

const object = (name: string, resourceVersion: string): KubeObject => ({
  metadata: { namespace: 'weather', name, uid: name, resourceVersion },
});

const page = (names: readonly string[], resourceVersion: string, next?: string): Answer => {
  const items = names.map(name => object(name, '1'));
  return response => sendJson(response, 200, { metadata: { resourceVersion, continue: next }, items });
};

const line = (type: string, of: object): string => `${JSON.stringify({ type, object: of })}\n`;

/** A watch that says this and stays open. */
const says =
  (...lines: readonly string[]): Answer =>
  response => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const text of lines) response.write(text);
  };

const says410: Answer = says(line('ERROR', { kind: 'Status', code: 410, message: 'too old resource version' }));

const closes: Answer = response => {
  response.writeHead(200);
  response.end();
};

/** Each request takes the next answer of its kind; the last one is given again and again. */
function script(lists: readonly Answer[], watches: readonly Answer[]): void {
  const turn = { list: 0, watch: 0 };
  api.answer((request, response) => {
    const kind = request.query.has('watch') ? 'watch' : 'list';
    const answers = kind === 'watch' ? watches : lists;
    answers[Math.min(turn[kind]++, answers.length - 1)]?.(response, request);
  });
}

function reflect(timing: ReflectorTiming = {}, set: (object: KubeObject) => void = () => {}): Reflector {
  const sink = {
    listing: () => {},
    replace: (objects: readonly KubeObject[]) => void seen.push(`all ${objects.map(item => item.metadata.name).join()}`),
    set: (item: KubeObject) => {
      seen.push(`set ${item.metadata.name}`);
      set(item);
    },
    delete: (item: KubeObject) => void seen.push(`delete ${item.metadata.name}`),
  };
  const options = {
    client,
    resource: ROLLOUTS,
    sink,
    logger: log.logger,
    random: () => 0.5,
    transform: (item: KubeObject) => item,
  };
  const reflector = createReflector({ ...options, timing: { ...QUICK, ...timing } });
  running.push(reflector);
  reflector.start();
  return reflector;
}

const queries = (kind: 'list' | 'watch'): URLSearchParams[] =>
  api.requests.filter(request => request.query.has('watch') === (kind === 'watch')).map(request => request.query);

const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 5, timeout: 60_000 });

beforeEach(async () => {
  api = await startScriptedApi();
  client = createKubeClient({ kubeconfigPath: api.kubeconfigPath });
  running = [];
  seen = [];
  log = createLines();
});

afterEach(async () => {
  await Promise.all(running.map(reflector => reflector.stop()));
  client.close();
  await api.close();
});

describe('lists', () => {
  it('reads page after page before it says what exists', async () => {
    script([page(['a'], '9', 'next-1'), page(['b'], '9', 'next-2'), page(['c'], '9')], [says()]);
    const reflector = reflect({ pageSize: 1 });
    expect(reflector.hasSynced()).toBe(false);
    await reflector.synced;
    expect(reflector.hasSynced()).toBe(true);
    expect(seen).toEqual(['all a,b,c']);
    expect(queries('list').map(query => `${query.get('limit')} ${query.get('continue')}`)).toEqual([
      '1 null',
      '1 next-1',
      '1 next-2',
    ]);
  });

  it('watches from the version of the first page: what changed before a later one stood on pages that were read already', async () => {
    script([page(['b'], '9', 'next'), page(['c'], '12')], [says(line('ADDED', object('a', '11')))]);
    await reflect({ pageSize: 1 }).synced;
    await eventually(() => expect(seen).toContain('set a'));
    expect(queries('watch')[0]?.get('resourceVersion')).toBe('9');
  });

  it('begins again when a page has expired', async () => {
    const expired: Answer = response => sendStatus(response, 410, { reason: 'Expired' });
    script([page(['a'], '9', 'next'), expired, page(['a', 'b'], '10')], [says()]);
    await reflect().synced;
    expect(seen).toEqual(['all a,b']);
  });

  it('is not complete while the right to watch is missing: the list would grow old', async () => {
    const refused: Answer = response =>
      sendStatus(response, 403, { reason: 'Forbidden', message: 'User "s" cannot watch resource "rollouts"' });
    script([page(['a'], '9')], [refused, refused, says()]);
    const reflector = reflect();
    await eventually(() => expect(queries('watch').length).toBeGreaterThan(0));
    await eventually(() => expect(log.lines[0]).toMatchObject({ level: 'warn' }));
    expect(reflector.hasSynced()).toBe(false);
    await reflector.synced;
    expect(queries('watch')).toHaveLength(3);
    expect(reflector.hasSynced()).toBe(true);
  });

  it('tries again after failures and garbage, and warns once', async () => {
    const fails: Answer = response => sendStatus(response, 500, { message: 'etcd' });
    const garbage: Answer = response => response.end('<html>');
    script([fails, garbage, fails, page(['a'], '9')], [says()]);
    await reflect().synced;
    expect(seen).toEqual(['all a']);
    expect(log.lines.filter(entry => entry.level === 'warn').length).toBeLessThanOrEqual(2);
    expect(log.lines[0]).toMatchObject({ level: 'warn' });
  });
});

describe('watches', () => {
  it('goes on from the list, with bookmarks and a time-out within its bounds', async () => {
    script([page(['a'], '9')], [says()]);
    reflect();
    await eventually(() => expect(queries('watch')).toHaveLength(1));
    const query = Object.fromEntries(queries('watch')[0] ?? []);
    expect(query).toEqual({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: '9', timeoutSeconds: '270' });
  });

  it('tells of changes, and goes on from the version that came last, be it a bookmark', async () => {
    const first: Answer = (response, request) => {
      says(
        line('ADDED', object('b', '10')),
        line('DELETED', object('a', '11')),
        line('BOOKMARK', object('', '40')),
      )(response, request);
      response.end();
    };
    script([page(['a'], '9')], [first, says()]);
    reflect();
    await eventually(() => expect(queries('watch')).toHaveLength(2));
    expect(seen).toEqual(['all a', 'set b', 'delete a']);
    expect(queries('watch')[1]?.get('resourceVersion')).toBe('40');
    expect(queries('list')).toHaveLength(1);
  });

  it('takes lines that come in pieces', async () => {
    const text = line('MODIFIED', object('ä', '10'));
    const cut = Buffer.from(text).indexOf(0xc3) + 1;
    script(
      [page([], '9')],
      [
        response => {
          response.write(Buffer.from(text).subarray(0, cut));
          setImmediate(() => response.write(Buffer.from(text).subarray(cut)));
        },
      ],
    );
    reflect();
    await eventually(() => expect(seen).toContain('set ä'));
  });

  it.each([
    ['as a status', ((response: ServerResponse) => sendStatus(response, 410, { reason: 'Expired' })) as Answer],
    ['as an event', says410],
  ])('lists anew when its version is too old, told %s', async (_, tooOld) => {
    script([page(['a'], '9'), page(['b'], '50')], [tooOld, says()]);
    reflect();
    await eventually(() => expect(queries('watch')).toHaveLength(2));
    expect(seen).toEqual(['all a', 'all b']);
    expect(queries('watch')[1]?.get('resourceVersion')).toBe('50');
  });

  it('does not spin when watches end at once, in order or with 410', async () => {
    script([page([], '9')], [closes]);
    reflect({ firstDelayMs: 20, longestDelayMs: 1000 });
    // five watches take at least half of the back-off between them
    const fromMs = performance.now();
    await eventually(() => expect(queries('watch').length).toBeGreaterThanOrEqual(5));
    expect(performance.now() - fromMs).toBeGreaterThanOrEqual((20 * (2 ** 4 - 1)) / 2);
    expect(queries('list')).toHaveLength(1);
    script([page([], '9')], [says410]);
    const before = api.requests.length;
    const againMs = performance.now();
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(api.requests.length - before).toBeLessThan(8 + (performance.now() - againMs - 400) / 20);
  });

  it('begins its back-off anew once a watch has lived', async () => {
    const lives: Answer = (response, request) => {
      says()(response, request);
      setTimeout(() => response.end(), 60);
    };
    script([page([], '9')], [closes, closes, closes, lives, says()]);
    reflect({ firstDelayMs: 2, longestDelayMs: 60_000, livedMs: 50 });
    await eventually(() => expect(queries('watch')).toHaveLength(5));
  });

  it('gives up a watch on which nothing more comes, and connects anew from the same version', async () => {
    script([page([], '9')], [says(line('BOOKMARK', object('', '12'))), says()]);
    reflect({ inactivityMs: 60 });
    await eventually(() => expect(queries('watch').length).toBeGreaterThan(1));
    expect(api.requests.slice(0, 3).map(request => request.query.get('resourceVersion'))).toEqual([null, '9', '12']);
  });

  it('lists anew when a connection broke and nothing came at all on the next one: the server may have been set back', async () => {
    const breaks: Answer = (response, request) => {
      says()(response, request);
      setImmediate(() => response.socket?.destroy());
    };
    script([page([], '9'), page(['a'], '3')], [breaks, says()]);
    reflect({ inactivityMs: 60 });
    await eventually(() => expect(seen).toContain('all a'));
  });

  it('R5: only connects anew after a silent watch otherwise: a version of the whole store may be ahead of one resource for long', async () => {
    script([page([], '9')], [says()]);
    reflect({ inactivityMs: 60 });
    await eventually(() => expect(queries('watch').length).toBeGreaterThan(3));
    expect(queries('list')).toHaveLength(1);
  });

  it('survives broken sockets, failures and garbage', async () => {
    const breaks: Answer = response => void response.socket?.destroy();
    const halfway: Answer = (response, request) => {
      says(line('ADDED', object('b', '10')), '{"type":"ADDED","obj')(response, request);
      setImmediate(() => response.socket?.destroy());
    };
    const fails: Answer = response => sendStatus(response, 503, { message: 'away' });
    script([page(['a'], '9')], [breaks, halfway, fails, says('not JSON\n'), says(line('ADDED', object('c', '11')))]);
    reflect();
    await eventually(() => expect(seen).toContain('set c'));
  });

  it('goes on with other objects when a handler throws', async () => {
    script([page([], '9')], [says(line('ADDED', object('bad', '10')), line('ADDED', object('good', '11')))]);
    reflect({}, item => {
      if (item.metadata.name === 'bad') throw new Error('cannot take it');
    });
    await eventually(() => expect(seen).toEqual(['all ', 'set bad', 'set good']));
    expect(log.lines.filter(entry => entry.level === 'error')).toHaveLength(1);
  });
});

describe('stop', () => {
  it.each([
    ['while it watches', [page([], '9')], [says()]],
    ['while it lists', [(() => {}) as Answer], [says()]],
    ['while it waits to try again', [((response: ServerResponse) => sendStatus(response, 500, {})) as Answer], [says()]],
  ])('leaves nothing running %s', async (_, lists, watches) => {
    script(lists, watches);
    const reflector = reflect({ firstDelayMs: 60_000, longestDelayMs: 60_000 });
    await eventually(() => expect(api.requests.length).toBeGreaterThan(0));
    await reflector.stop();
    client.close();
    await eventually(async () => expect(await api.openSockets()).toBe(0));
    const count = api.requests.length;
    await new Promise(resolve => setTimeout(resolve, 30));
    expect(api.requests).toHaveLength(count);
    expect(log.lines.filter(entry => entry.level === 'error')).toEqual([]);
  });
});
