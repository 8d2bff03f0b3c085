import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createPushHook } from '../../../src/adapters/git/push.ts';
import { Refused } from '../../../src/controller/channel-ports.ts';
import type { Logger } from '../../../src/controller/ports.ts';

const SECRET = 'a secret of the fleet';
const BODY = Buffer.from('{"ref":"refs/heads/main"}');

const hexOf = (body: Buffer = BODY, secret = SECRET): string => createHmac('sha256', secret).update(body).digest('hex');

function open(secret: () => string = () => SECRET) {
  const logs: object[] = [];
  const log = (fields: object) => void logs.push(fields);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const hook = createPushHook({ source: 'fleet', secret, logger });
  const verify = (headers: Readonly<Record<string, readonly string[]>>, body: Buffer = BODY): Refused | 'verified' => {
    try {
      hook.verify({ headers, body });
      return 'verified';
    } catch (error) {
      if (error instanceof Refused) return error;
      throw error;
    }
  };
  return { hook, verify, logs };
}

const GENUINE: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  GitHub: { 'x-github-event': ['push'], 'x-hub-signature': ['sha1=0'], 'x-hub-signature-256': [`sha256=${hexOf()}`] },
  'GitHub that tries whether somebody is there': { 'x-github-event': ['ping'], 'x-hub-signature-256': [`sha256=${hexOf()}`] },
  GitLab: { 'x-gitlab-event': ['Push Hook'], 'x-gitlab-token': [SECRET] },
  'Gitea, which sends the header of GitHub too': {
    'x-gitea-event': ['push'],
    'x-gitea-signature': [hexOf()],
    'x-hub-signature-256': [`sha256=${hexOf()}`],
  },
  'Gitea of before': { 'x-gitea-signature': [hexOf()] },
};

const other = Buffer.from('{"ref":"refs/heads/other"}');
const flipped = `${hexOf().slice(0, -1)}${hexOf().endsWith('0') ? '1' : '0'}`;

const FORGED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'no signature': { 'x-github-event': ['push'] },
  'a signature by SHA-1 alone': { 'x-hub-signature': [`sha1=${createHmac('sha1', SECRET).update(BODY).digest('hex')}`] },
  'the signature of another body': { 'x-hub-signature-256': [`sha256=${hexOf(other)}`] },
  'the signature with another secret': { 'x-hub-signature-256': [`sha256=${hexOf(BODY, 'guess')}`] },
  'the signature with an empty secret': { 'x-hub-signature-256': [`sha256=${hexOf(BODY, '')}`] },
  'a last digit that differs': { 'x-hub-signature-256': [`sha256=${flipped}`] },
  'a signature that was cut': { 'x-hub-signature-256': [`sha256=${hexOf().slice(0, 63)}`] },
  'a signature with more behind it': { 'x-hub-signature-256': [`sha256=${hexOf()}00`] },
  'a signature in capitals': { 'x-hub-signature-256': [`sha256=${hexOf().toUpperCase()}`] },
  'no name of the method': { 'x-hub-signature-256': [hexOf()] },
  'another method': { 'x-hub-signature-256': [`sha512=${hexOf()}`] },
  'an empty header': { 'x-hub-signature-256': [''] },
  'the header twice, both right': { 'x-hub-signature-256': [`sha256=${hexOf()}`, `sha256=${hexOf()}`] },
  'two headers in one line': { 'x-hub-signature-256': [`sha256=${hexOf()}, sha256=${hexOf()}`] },
  'a wrong signature of Gitea': { 'x-gitea-signature': [hexOf(other)] },
  'the form of GitHub in the header of Gitea': { 'x-gitea-signature': [`sha256=${hexOf()}`] },
  'one right and one wrong': { 'x-gitea-signature': [hexOf()], 'x-hub-signature-256': [`sha256=${hexOf(other)}`] },
  'a right signature and a wrong token': { 'x-gitea-signature': [hexOf()], 'x-gitlab-token': ['guess'] },
  'a wrong token': { 'x-gitlab-token': ['guess'] },
  'an empty token': { 'x-gitlab-token': [''] },
  'the token twice': { 'x-gitlab-token': [SECRET, SECRET] },
  'a beginning of the token': { 'x-gitlab-token': [SECRET.slice(0, -1)] },
  'the token with more behind it': { 'x-gitlab-token': [`${SECRET} `] },
};

describe('a push', () => {
  test.each(Object.entries(GENUINE))('of %s is taken', (_, headers) => {
    expect(open().verify(headers)).toBe('verified');
  });

  test.each(Object.entries(FORGED))('with %s is refused, without a word of the secret', (_, headers) => {
    const { verify, logs } = open();
    const refused = verify(headers);
    expect(refused).toMatchObject({ status: 401 });
    expect(String(refused)).not.toContain(SECRET);
    expect(logs).toEqual([]);
  });

  test('with a signature is taken as it came, byte by byte', () => {
    const body = Buffer.from([0xff, 0x00, 0x0a]);
    expect(open().verify({ 'x-gitea-signature': [hexOf(body)] }, body)).toBe('verified');
    expect(open().verify({ 'x-gitea-signature': [hexOf(Buffer.from(body.toString()))] }, body)).toMatchObject({ status: 401 });
  });

  test('a token with letters beyond ASCII is compared as bytes', () => {
    const asSent = Buffer.from('geheimnisvöll', 'utf8').toString('latin1');
    expect(open(() => 'geheimnisvöll').verify({ 'x-gitlab-token': [asSent] })).toBe('verified');
  });
});

describe('a secret that is not there', () => {
  const empty = {
    ...GENUINE['Gitea'],
    'x-hub-signature-256': [`sha256=${hexOf(BODY, '')}`],
    'x-gitea-signature': [hexOf(BODY, '')],
  };

  test.each([
    ['empty', () => '', 'the secret is empty'],
    [
      'unreadable',
      () => {
        throw new Error('reading secret /run/secrets/push: ENOENT');
      },
      'reading secret /run/secrets/push: ENOENT',
    ],
  ])('%s: nothing is verified, whatever was sent, and it is said once', (_, secret, reason) => {
    const { verify, logs } = open(secret);
    for (const headers of [empty, { 'x-gitlab-token': [''] }, {}]) expect(verify(headers)).toMatchObject({ status: 401 });
    expect(logs).toEqual([{ source: 'fleet', reason }]);
  });

  test('is asked for each time: it may change, go away and come back', () => {
    let current = SECRET;
    const { verify, logs } = open(() => current);
    const headers = GENUINE['GitLab'] ?? {};
    expect(verify(headers)).toBe('verified');
    current = 'another';
    expect(verify(headers)).toMatchObject({ status: 401 });
    for (const _ of [1, 2]) {
      current = '';
      expect(verify(headers)).toMatchObject({ status: 401 });
      current = SECRET;
      expect(verify(headers)).toBe('verified');
    }
    expect(logs).toHaveLength(2);
  });
});
