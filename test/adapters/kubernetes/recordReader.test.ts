import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecordReader } from '../../../src/adapters/kubernetes/recordReader.ts';
import { type ScriptedApi, sendJson, sendStatus, startScriptedApi } from './scriptedApi.ts';

const PLACE = { namespace: 'weather', name: 'forecast' };
const TOKEN = 'token-of-alice';
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const packed = (text: string): string => gzipSync(text).toString('base64');
const configMap = (name: string, binaryData?: unknown) => ({
  metadata: { name, namespace: 'weather' },
  ...(binaryData === undefined ? {} : { binaryData }),
});
const configMaps = (...items: readonly object[]) => ({ metadata: { resourceVersion: '1' }, items });

let api: ScriptedApi;
let reader: ReturnType<typeof createRecordReader>;
beforeEach(async () => {
  api = await startScriptedApi();
  reader = createRecordReader({ kubeconfigPath: api.kubeconfigPath, timeoutMs: 2_000 });
});
afterEach(async () => {
  reader.close();
  await api.close();
});
const read = (signal = AbortSignal.timeout(5_000)) => reader.read(TOKEN, PLACE, signal);

describe('records that are read for a caller', () => {
  it('R37: come from the ConfigMaps beside the Rollout, by the token of the caller alone, the newest last', async () => {
    api.answer((_, response) =>
      sendJson(
        response,
        200,
        configMaps(
          configMap('forecast-evidence-2', { '20261121T140300000Z-raised.json.gz': packed('{"b":"ü"}') }),
          configMap('forecast-evidence-1', {
            '20261121T140200000Z-lowered.json.gz': packed('{"a":2}'),
            '20261121T140100000Z-started.json.gz': packed('{"a":1}'),
          }),
        ),
      ),
    );
    expect(await read()).toEqual([
      { digest: digestOf('{"a":1}'), attempt: 1, name: '20261121T140100000Z-started', text: '{"a":1}' },
      { digest: digestOf('{"a":2}'), attempt: 1, name: '20261121T140200000Z-lowered', text: '{"a":2}' },
      { digest: digestOf('{"b":"ü"}'), attempt: 2, name: '20261121T140300000Z-raised', text: '{"b":"ü"}' },
    ]);
    const [request] = api.requests;
    expect([request?.path, request?.headers.authorization, request?.query.get('labelSelector')]).toEqual([
      '/api/v1/namespaces/weather/configmaps',
      `Bearer ${TOKEN}`,
      'sluice.dev/rollout=forecast,app.kubernetes.io/managed-by=sluice',
    ]);
    expect(JSON.stringify(request?.headers)).not.toContain('secret-token');
  });

  it('R37: are those that can be read, whatever else somebody has put there', async () => {
    const bomb = packed('x'.repeat(9 * 1024 * 1024));
    api.answer((_, response) =>
      sendJson(
        response,
        200,
        configMaps(
          configMap('forecast-evidence-1', {
            '20261121T140100000Z-started.json.gz': packed('{"a":1}'),
            '20261121T140200000Z-raised.json.gz': 'no gzip',
            '20261121T140300000Z-raised.json.gz': bomb,
            '20261121T140400000Z-raised.json.gz': 4,
            '../../etc/passwd': packed('{}'),
          }),
          configMap('forecast-evidence-2'),
          configMap('forecast-evidence-3', 'text'),
          configMap('forecast-evidence-x', { '20261121T140100000Z-started.json.gz': packed('{}') }),
          configMap('another-evidence-1', { '20261121T140100000Z-started.json.gz': packed('{}') }),
        ),
      ),
    );
    expect((await read()).map(({ text }) => text)).toEqual(['{"a":1}']);
  });

  it('are refused to who may not read them, and the token stands in no message', async () => {
    api.answer((_, response) => sendStatus(response, 403, { message: 'configmaps is forbidden: User "alice" cannot list' }));
    await expect(read()).rejects.toMatchObject({ kind: 'refused', message: expect.not.stringContaining(TOKEN) });
    api.answer((_, response) => sendStatus(response, 401, { message: 'Unauthorized' }));
    await expect(read()).rejects.toMatchObject({ kind: 'refused' });
    api.answer((_, response) => sendStatus(response, 500, {}));
    await expect(read()).rejects.toMatchObject({ kind: 'unavailable' });
    api.answer((_, response) => response.destroy());
    await expect(read()).rejects.toMatchObject({ kind: 'unavailable', message: expect.not.stringContaining(TOKEN) });
  });

  it('are given up when the caller does not wait any longer, and read for a few at once only', async () => {
    const ending = new AbortController();
    api.answer(() => {});
    const waiting = [1, 2, 3, 4].map(() => read(ending.signal));
    await expect(read()).rejects.toMatchObject({ kind: 'unavailable', message: /too many records/ });
    ending.abort();
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    api.answer((_, response) => sendJson(response, 200, configMaps()));
    expect(await read()).toEqual([]);
  });
});
