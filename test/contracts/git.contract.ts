import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRepository, type RepositoryOptions } from '../../src/adapters/git/repository.ts';
import { SystemError } from '../../src/controller/ports.ts';
import type { GitContent, GitRepository } from '../../src/controller/source-ports.ts';
import type { GitProxy, Interference } from './gitProxy.ts';

export type GitFiles = Readonly<Record<string, string | Uint8Array>>;

export type Authorship = { readonly author?: { readonly name: string; readonly email: string } };

/** The side of a team that writes to a repository. */
export type Team = {
  /** Adds a commit that holds exactly these files; gives its id. Its author is Ada, unless that is said. */
  commit(files: GitFiles, branch?: string, details?: Authorship): Promise<string>;
  /** Makes the branch a history of its own, of one commit. */
  rewrite(files: GitFiles, parents?: string[], branch?: string, details?: Authorship): Promise<string>;
  remove(branch?: string): Promise<void>;
};

export type GitWorld = {
  /** Makes an empty repository; `url` is what its readers use. */
  create(name: string): Promise<{ readonly team: Team; readonly url: string }>;
  /** Before the server, when there is one. */
  readonly proxy?: GitProxy;
  close(): Promise<void>;
};

const SILENCE_MS = 1_000;
const signal = new AbortController().signal;
const html: Interference = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>');
  return true;
};
const answers =
  (code: number): Interference =>
  (_, response) => {
    response.writeHead(code, { 'content-type': 'text/plain' }).end('s3cret');
    return true;
  };
const TROUBLES: readonly (readonly [what: string, interfere: Interference, kind: SystemError['kind'], says: string])[] = [
  ['a web page', html, 'badAnswer', 'the answer is not Git'],
  ['500', answers(500), 'unavailable', 'the server cannot answer now (500)'],
  ['401', answers(401), 'refused', 'the server asks for credentials (401)'],
  ['404', answers(404), 'notFound', 'there is no repository (404)'],
  ['a connection that breaks', (_, response) => Boolean(response.destroy()), 'unavailable', 'the connection broke'],
  ['silence', () => true, 'unavailable', 'no answer for 1 s'],
  [
    'half an answer and then silence',
    (_, response) => response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' }).write('001e#'),
    'unavailable',
    'no answer for 1 s',
  ],
];

/** What every GitRepository must do. Registers its tests; the world is opened before the first and closed after the last. */
export function gitContract(name: string, kind: 'local' | 'http', open: () => Promise<GitWorld>): void {
  describe(`git contract: ${name}`, () => {
    let world: GitWorld;
    let folder: string;
    let count = 0;
    beforeAll(async () => {
      world = await open();
      folder = await mkdtemp(join(tmpdir(), 'sluice-git-contract-'));
    });
    afterAll(async () => {
      await world?.close();
      await rm(folder, { recursive: true, force: true });
    });

    const reader = (url: string, options: Partial<RepositoryOptions> = {}): GitRepository => {
      count += 1;
      const dir = join(folder, `clone-${count}`);
      return openRepository({ url, branch: 'main', path: 'rollouts', dir, timeoutMs: 5_000, ...options });
    };
    const begin = async (files: GitFiles = { 'rollouts/a.yaml': '1' }, options: Partial<RepositoryOptions> = {}) => {
      count += 1;
      const { team, url } = await world.create(`fleet-${count}`);
      const oid = await team.commit(files);
      return { team, url, oid, git: reader(url, options) };
    };
    const readTip = async (git: GitRepository): Promise<GitContent> => git.read((await git.poll(signal)).oid, signal);
    const shown = ({ files }: GitContent) => Object.fromEntries(files.map(({ path, text }) => [path, text]));
    const failureOf = (work: Promise<unknown>): Promise<SystemError> =>
      work.then(
        () => Promise.reject(new Error('it did not fail')),
        (error: unknown) => (error instanceof SystemError ? error : Promise.reject(error)),
      );

    it('R32: reads all YAML files below the path, and nothing else', async () => {
      const { git, oid } = await begin({
        'rollouts/b.yml': 'b: ü',
        'rollouts/deep/er/a.yaml': 'a',
        'rollouts/README.md': 'no',
        'rollouts-old/x.yaml': 'no',
        'y.yaml': 'no',
      });
      const content = await readTip(git);
      expect(content).toMatchObject({ oid, revision: `main@sha1:${oid}`, problems: [] });
      expect(shown(content)).toEqual({ 'rollouts/b.yml': 'b: ü', 'rollouts/deep/er/a.yaml': 'a' });
    });

    it('an empty path is all of the repository; a path may be one file', async () => {
      const { url } = await begin({ 'rollouts/a.yaml': '1', 'b.yaml': '2' });
      expect(shown(await readTip(reader(url, { path: '' })))).toEqual({ 'rollouts/a.yaml': '1', 'b.yaml': '2' });
      expect(shown(await readTip(reader(url, { path: './rollouts/a.yaml' })))).toEqual({ 'rollouts/a.yaml': '1' });
    });

    it('R34: follows new commits; a file that has moved is there under its new name alone', async () => {
      const { team, git } = await begin({ 'rollouts/a.yaml': '1', 'rollouts/b.yaml': '2' });
      await readTip(git);
      const oid = await team.commit({ 'rollouts/moved/a.yaml': '1', 'rollouts/b.yaml': '3' });
      const content = await readTip(git);
      expect(content.oid).toBe(oid);
      expect(shown(content)).toEqual({ 'rollouts/moved/a.yaml': '1', 'rollouts/b.yaml': '3' });
    });

    it('R34: follows a branch through rewrites, forwards and back', async () => {
      const { team, git, oid: first } = await begin();
      await team.commit({ 'rollouts/a.yaml': '2' });
      await readTip(git);
      const other = await team.rewrite({ 'rollouts/a.yaml': 'another history' });
      expect(await readTip(git)).toMatchObject({ oid: other, files: [{ text: 'another history' }] });
      const back = await team.rewrite({ 'rollouts/a.yaml': 'again' }, [first]);
      expect(await readTip(git)).toMatchObject({ oid: back, files: [{ text: 'again' }] });
    });

    it('R34: what was read says which commit it is, when the branch moves on between question and reading', async () => {
      const { team, git, oid } = await begin();
      await git.poll(signal);
      const next = await team.commit({ 'rollouts/a.yaml': '2' });
      const content = await git.read(oid, signal);
      expect({ [oid]: '1', [next]: '2' }[content.oid]).toBe(content.files[0]?.text);
      expect((await readTip(git)).oid).toBe(next);
    });

    it('R19: names the authors of what has changed since a commit, also to a reader who comes later, and not who merged it', async () => {
      const by = (name: string) => ({ author: { name, email: `${name}@example.com` } });
      const { team, git, url, oid: applied } = await begin({ 'rollouts/a.yaml': '1' });
      await readTip(git);
      const alice = await team.rewrite({ 'rollouts/a.yaml': '2' }, [applied], 'feature', by('alice'));
      const carol = await team.commit({ 'rollouts/a.yaml': '1', 'README.md': 'x' }, 'main', by('carol'));
      const tip = await team.rewrite({ 'rollouts/a.yaml': '2', 'README.md': 'x' }, [carol, alice], 'main', by('bob'));
      const before = { revision: `main@sha1:${applied}`, path: 'rollouts/a.yaml' };
      for (const repository of [git, reader(url)]) {
        expect((await readTip(repository)).oid).toBe(tip);
        const authors = await repository.history(tip).authorsOf('rollouts/a.yaml', before, signal);
        expect(authors.missing).toBeUndefined();
        expect(authors.people.filter(name => !name.startsWith('Ada') && !name.startsWith('ada'))).toEqual([
          'alice',
          'alice@example.com',
        ]);
      }
    });

    it('R32: a branch that is missing or deleted is an error, not an empty repository, and is read once it is there', async () => {
      const { team, url } = await begin();
      const git = reader(url, { branch: 'release' });
      expect(await failureOf(git.poll(signal))).toMatchObject({ system: 'git', kind: 'notFound' });
      const oid = await team.commit({ 'rollouts/a.yaml': 'r' }, 'release');
      expect(await readTip(git)).toMatchObject({ oid, revision: `release@sha1:${oid}` });
      await team.remove('release');
      const error = await failureOf(git.poll(signal));
      expect(error.kind).toBe('notFound');
      expect(error.message).toMatch(/^polling branch 'release' of .*: there is no .*branch/);
      const again = await team.commit({ 'rollouts/a.yaml': 's' }, 'release');
      expect(await readTip(git)).toMatchObject({ oid: again, files: [{ text: 's' }] });
    });

    it('R32: a branch that goes between question and reading is an error that says so', async () => {
      const { team, url } = await begin();
      const git = reader(url, { branch: 'release' });
      await team.commit({ 'rollouts/a.yaml': '1' }, 'release');
      await readTip(git);
      await team.commit({ 'rollouts/a.yaml': '2' }, 'release');
      const { oid } = await git.poll(signal);
      await team.remove('release');
      const read = await git.read(oid, signal).catch((error: unknown) => error);
      // a folder still has the commit itself; a server has no more than branches
      if (kind === 'local') expect(read).toMatchObject({ oid, files: [{ text: '2' }] });
      else expect(read).toMatchObject({ kind: 'notFound', message: expect.stringContaining('there is no such branch') });
    });

    it('R33: a path that is gone or holds no YAML is an error, not an empty list, and names the path', async () => {
      const { team, git } = await begin();
      for (const files of [{ 'elsewhere/a.yaml': '1' }, { 'rollouts/README.md': 'nothing here' }]) {
        await team.commit(files);
        const error = await failureOf(readTip(git));
        expect(error.kind).toBe('notFound');
        expect(error.message).toContain("'rollouts'");
      }
      const oid = await team.commit({ 'rollouts/a.yaml': 'back' });
      expect(await readTip(git)).toMatchObject({ oid, files: [{ text: 'back' }] });
    });

    it('R32: a file that is too big or no text is a problem of its own and keeps no other away', async () => {
      const { git } = await begin({
        'rollouts/a.yaml': '1',
        'rollouts/big.yaml': 'x'.repeat(3 * 1024 * 1024),
        'rollouts/binary.yaml': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
        'rollouts/image.png': randomBytes(2 * 1024 * 1024),
      });
      const content = await readTip(git);
      expect(shown(content)).toEqual({ 'rollouts/a.yaml': '1' });
      expect(content.problems.map(({ file }) => file).sort()).toEqual(['rollouts/big.yaml', 'rollouts/binary.yaml']);
    });

    it('a repository that is not there is an error that names it', async () => {
      const { url } = await begin();
      const error = await failureOf(reader(url.replace(/fleet-\d+/, 'nothing')).poll(signal));
      expect(error).toMatchObject({ system: 'git', kind: 'notFound' });
      expect(error.message).toContain('nothing');
    });

    it('ends at once when it is cancelled, and can be used again', async () => {
      const { git, oid } = await begin();
      const stopping = AbortSignal.abort(new Error('stopping'));
      await expect(git.poll(stopping)).rejects.toThrow('stopping');
      await expect(git.read(oid, stopping)).rejects.toThrow('stopping');
      expect((await readTip(git)).oid).toBe(oid);
    });

    if (kind === 'http') httpTests();

    function httpTests(): void {
      const proxy = (): GitProxy => {
        if (world.proxy === undefined) throw new Error('a world with a server has a proxy before it');
        return world.proxy;
      };
      const cost = async (work: () => Promise<unknown>): Promise<number> => {
        const before = proxy().requests.length;
        await work();
        return proxy().requests.length - before;
      };
      const during = async <T>(interfere: Interference, work: () => Promise<T>): Promise<T> => {
        proxy().interfere = interfere;
        try {
          return await work();
        } finally {
          proxy().interfere = undefined;
        }
      };

      it('R34: a poll of an unchanged branch costs one request, and reading what is there already none', async () => {
        const { git, oid } = await begin();
        expect(await cost(() => git.poll(signal))).toBeLessThanOrEqual(2);
        await git.read(oid, signal);
        for (const _ of [1, 2, 3]) expect(await cost(() => git.poll(signal))).toBe(1);
        expect(await cost(() => git.read(oid, signal))).toBe(0);
      });

      it.each(TROUBLES)('R32: %s for a poll or a fetch says what is wrong, and the next one is good', async (_, ...trouble) => {
        const [interfere, expected, says] = trouble;
        const { team, git, url, oid } = await begin(undefined, { timeoutMs: SILENCE_MS });
        const failed = await during(interfere, () => failureOf(git.poll(signal)));
        expect(failed).toMatchObject({ system: 'git', kind: expected });
        expect(failed.message).toMatch(`polling branch 'main' of ${url}: `);
        expect(failed.message).toContain(says);
        expect(failed.message).not.toContain('s3cret');
        expect(await readTip(git)).toMatchObject({ oid });
        const next = await team.commit({ 'rollouts/a.yaml': '2' });
        const unread = await during(interfere, () => failureOf(git.read(next, signal)));
        expect(unread.message).toContain(`reading branch 'main' of ${url}: `);
        expect(unread.message).not.toContain('s3cret');
        expect(await readTip(git)).toMatchObject({ oid: next, files: [{ text: '2' }] });
      });

      it('R32: a fetch that breaks off leaves nothing behind', async () => {
        const { git, oid } = await begin({ 'rollouts/a.yaml': '1', noise: randomBytes(300_000) });
        await git.poll(signal);
        const breaks: Interference = (request, response) => {
          if (request.method !== 'POST') return false;
          response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
          response.write('0008NAK\n', () => response.destroy());
          return true;
        };
        await during(breaks, () => failureOf(git.read(oid, signal)));
        expect(await readTip(git)).toMatchObject({ oid, files: [{ text: '1' }] });
      });

      it('credentials go along; wrong ones are named as the cause and stand in no message', async () => {
        const { url, oid } = await begin();
        const guarded: Interference = ({ headers }, response) => {
          if (headers.authorization === `Basic ${Buffer.from('ada:s3cret').toString('base64')}`) return false;
          response.writeHead(401, { 'www-authenticate': 'Basic realm="fleet"' }).end();
          return true;
        };
        let password = 'wr0ng';
        const git = reader(url, { auth: () => ({ username: 'ada', password }) });
        await during(guarded, async () => {
          const error = await failureOf(git.poll(signal));
          expect(error.kind).toBe('refused');
          expect(error.message).toContain('does not accept the credentials (401)');
          expect(error.message).not.toContain(password);
          password = 's3cret';
          expect(await readTip(git)).toMatchObject({ oid, files: [{ text: '1' }] });
        });
      });

      it('a server that is unreachable is named, and read again when it is back', async () => {
        const { url } = await begin();
        const { port } = new URL(url);
        const error = await failureOf(reader(url.replace(`:${port}`, ':1')).poll(signal));
        expect(error).toMatchObject({ system: 'git', kind: 'unavailable' });
        expect(error.message).toContain('the connection was refused');
      });

      it('cancelling a request that hangs ends it at once', async () => {
        const { git } = await begin();
        const stop = new AbortController();
        const stopsIt: Interference = () => {
          stop.abort(new Error('stopping'));
          return true;
        };
        const hanging = during(stopsIt, () => git.poll(stop.signal));
        await expect(hanging).rejects.toThrow('stopping');
      });
    }
  });
}
