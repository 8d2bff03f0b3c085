import { describe, expect, it } from 'vitest';
import { createSession } from '../../src/dashboard/session.js';

const problem = (status: number, detail: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ status, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });

/** A tab, and a server that answers with what is put into `answers`. */
const openTab = (...answers: (Response | Error)[]) => {
  const kept = new Map<string, string>();
  const asked: { path: string; headers: Headers; body: unknown }[] = [];
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
  const session = createSession({
    storage: () => storage,
    fetch: async (path, { headers, body }) => {
      asked.push({ path, headers: new Headers(headers), body });
      const answer = answers.shift() ?? new Error('nobody is there');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return { session, asked, kept };
};

describe('a token', () => {
  it.each(['abc.def-1_2', ' Bearer abc.def-1_2\n', 'abc.\n  def-1_2'])('is taken as people paste it: %j', async written => {
    const { session, asked } = openTab(Response.json({}));
    expect(session.signIn(written)).toBeUndefined();
    await session.api('/api/v1/self');
    expect([asked[0]?.path, asked[0]?.headers.get('authorization')]).toEqual(['/api/v1/self', 'Bearer abc.def-1_2']);
  });

  it.each(['', '   ', 'tökén', '{"token":"abc"}'])('is refused before it is sent when it is none: %j', written => {
    const { session } = openTab();
    expect([session.signIn(written), session.hasToken()]).toEqual([expect.stringMatching(/^This is no token/), false]);
  });

  it('is forgotten when the reader signs out', async () => {
    const { session, asked } = openTab(Response.json({}));
    session.signIn('abc');
    session.signOut();
    await session.api('/api/v1/self');
    expect(asked[0]?.headers.has('authorization')).toBe(false);
  });

  it('is forgotten when it does not hold, with the sentence of the server', async () => {
    const { session } = openTab(problem(401, 'the token is not valid, or no longer'));
    const told: string[] = [];
    session.onRefused(detail => told.push(detail));
    session.signIn('abc');
    await session.api('/api/v1/rollouts');
    expect([told, session.hasToken()]).toEqual([['The token is not valid, or no longer.'], false]);
  });

  it('is not blamed when there was none', async () => {
    const { session } = openTab(problem(401, 'expected a Kubernetes token'));
    const told: string[] = [];
    session.onRefused(detail => told.push(detail));
    await session.api('/api/v1/rollouts');
    expect(told).toEqual(['']);
  });

  it('that was given meanwhile stays when an older one is refused', async () => {
    const { session } = openTab(problem(401, 'the token is not valid, or no longer'));
    session.signIn('old');
    const answer = session.api('/api/v1/rollouts');
    session.signIn('new');
    await answer;
    expect(session.hasToken()).toBe(true);
  });
});

describe('an answer', () => {
  it('has the body, or the sentence of the problem', async () => {
    const { session, asked } = openTab(
      Response.json({ outcome: 'paused' }),
      problem(409, 'the step is 2, not 1'),
      problem(429, 'too many.', { 'retry-after': '5' }),
    );
    const answers = [
      await session.api('/x/pause', { method: 'POST', body: { reason: 'look' } }),
      await session.api('/x'),
      await session.api('/x'),
    ];
    expect(answers).toEqual([
      { ok: true, status: 200, body: { outcome: 'paused' } },
      { ok: false, status: 409, detail: 'The step is 2, not 1.' },
      { ok: false, status: 429, detail: 'Too many.', retryAfterMs: 5_000 },
    ]);
    expect([asked[0]?.body, asked[0]?.headers.get('content-type')]).toEqual(['{"reason":"look"}', 'application/json']);
  });

  it('of something before Sluice is told as that', async () => {
    const { session } = openTab(new Response('<h1>Bad Gateway</h1>', { status: 502, statusText: 'Bad Gateway' }));
    expect(await session.api('/x')).toMatchObject({
      ok: false,
      status: 502,
      detail: expect.stringMatching(/^502 Bad Gateway: .*no answer of Sluice/),
    });
  });

  it('that does not come is an answer too', async () => {
    expect(await openTab().session.api('/x')).toEqual({ ok: false, status: 0, detail: 'Sluice does not answer.' });
  });
});
