import type { GitHttpRequest, GitHttpResponse, HttpClient } from 'isomorphic-git';

/** A list of capabilities has a few hundred bytes; anything larger is not one. */
const MAX_BYTES = 64 * 1024;

type Remembered = Omit<GitHttpResponse, 'body'> & { readonly content: Uint8Array };

/**
 * In version 2 of the protocol the first request of a poll brings nothing but the capabilities of the server, which do not
 * change from poll to poll. They are kept in memory, so that a poll is one request: the question where the branch stands.
 * Servers of version 1 answer with their branches at once; that is never kept.
 */
export function rememberAdvertisement(): { wrap(client: HttpClient): HttpClient; forget(): void } {
  let remembered: Remembered | undefined;

  const request = async (client: HttpClient, given: GitHttpRequest): Promise<GitHttpResponse> => {
    if (given.method !== 'GET') return await client.request(given);
    if (remembered !== undefined) return { ...remembered, body: replay([remembered.content]) };
    const response = await client.request(given);
    if (response.statusCode !== 200 || response.body === undefined) return response;
    const chunks = await collectSome(response.body);
    const content = Buffer.concat(chunks.read);
    if (chunks.complete && isVersion2(content)) {
      const { body: _, ...head } = response;
      remembered = { ...head, content };
    }
    return { ...response, body: replay([content], chunks.complete ? undefined : response.body) };
  };

  return {
    wrap: client => ({ request: given => request(client, given) }),
    forget: () => {
      remembered = undefined;
    },
  };
}

async function collectSome(body: AsyncIterator<Uint8Array>): Promise<{ read: Uint8Array[]; complete: boolean }> {
  const read: Uint8Array[] = [];
  for (let bytes = 0; bytes <= MAX_BYTES; ) {
    const next = await body.next();
    if (next.done) return { read, complete: true };
    read.push(next.value);
    bytes += next.value.length;
  }
  return { read, complete: false };
}

async function* replay(
  start: readonly Uint8Array[],
  rest?: AsyncIterableIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* start;
  if (rest !== undefined) yield* rest;
}

/** With or without the line `# service=git-upload-pack` in front, as both are in use. */
function isVersion2(content: Buffer): boolean {
  return /^(001e# service=git-upload-pack\n0000)?000eversion 2\n/.test(content.subarray(0, 64).toString('latin1'));
}
