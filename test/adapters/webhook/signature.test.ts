import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signBody } from '../../../src/adapters/webhook/signature.ts';

describe('Standard Webhooks', () => {
  it('signs as the specification shows it', () => {
    // the example of the specification's reference libraries
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const at = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atMs: 1_614_265_330_000 };
    const { content, headers } = signBody({ test: 2432232314 }, at, () => secret);
    expect(content).toBe('{"test":2432232314}');
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const expected = createHmac('sha256', key).update(`${at.id}.1614265330.${content}`).digest('base64');
    expect(headers).toEqual({
      'content-type': 'application/json',
      'webhook-id': at.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': `v1,${expected}`,
    });
  });

  it('takes any other text as the key', () => {
    const { content, headers } = signBody({ a: 'ü' }, { id: 'x', atMs: 1_999 }, () => 'sesame');
    const expected = createHmac('sha256', 'sesame').update(`x.1.${content}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
  });

  it('without a secret there is no signature', () => {
    expect(Object.keys(signBody({}, { id: 'x', atMs: 0 }).headers)).toEqual(['content-type', 'webhook-id', 'webhook-timestamp']);
  });
});
