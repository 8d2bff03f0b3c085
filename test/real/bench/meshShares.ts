import type { Bed } from '../bed/bed.ts';
import { JASON, JASON_MATCH, openSubject, type Subject } from './meshWorld.ts';

const SIDE_BY_SIDE = 20;
/** How often a person comes who comes again. */
const VISITS = 5;
const COOKIE = 'sluice-forecast';

/** Which versions answered. */
export interface Share {
  readonly what: string;
  /** Of the requests that came without the header, or of the people, in percent. */
  readonly intended: number;
  readonly requests: number;
  readonly seen: number;
  /** Requests with the header, or of people who had met a version, that came to the other one; absent: there are none. */
  readonly wrongWay?: number;
  readonly notAnswered: number;
}

type Counts = Readonly<Record<string, number>>;

const failedOf = (counts: Counts): number =>
  Object.entries(counts).reduce((sum, [key, count]) => sum + (/^v\d$/.test(key) ? 0 : count), 0);

function shareOf(what: string, intended: number, counts: Counts): Share {
  const requests = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { what, intended, requests, seen: (100 * (counts['v2'] ?? 0)) / requests, notAnswered: failedOf(counts) };
}

/** First the requests of everybody, and then as many of the one user whom the header route singles out. */
async function withHeader(bed: Bed, host: string, weight: number, requests: number): Promise<Share> {
  const everybody = await bed.split(host, requests);
  const jason = await bed.split(host, Math.round(requests / 10), JASON);
  const share = shareOf(`weight ${weight} with a header route`, weight, everybody);
  return { ...share, wrongWay: jason['v1'] ?? 0, notAnswered: share.notAnswered + failedOf(jason) };
}

/** So many people, who come for the first time; every tenth comes some times more with the cookie that was set. */
async function withCookies(bed: Bed, host: string, weight: number, people: number): Promise<Share> {
  const [first, again]: [Record<string, number>, { wrong: number; failed: number }] = [{}, { wrong: 0, failed: 0 }];
  const comeAgain = async (met: string, cookie: string | undefined) => {
    for (let visit = 1; visit < VISITS; visit++) {
      const answer = await bed.get(host, cookie === undefined ? {} : { cookie });
      if (answer.status !== 200) again.failed += 1;
      else if (answer.headers['x-version'] !== met) again.wrong += 1;
    }
  };
  let left = people;
  const worker = async () => {
    while (left-- > 0) {
      const isRegular = left % 10 === 0;
      const { status, headers } = await bed.get(host);
      const met = status === 200 ? String(headers['x-version']) : String(status);
      first[met] = (first[met] ?? 0) + 1;
      const cookie = (headers['set-cookie'] ?? []).find(text => text.startsWith(`${COOKIE}=`))?.split(';')[0];
      if (isRegular) await comeAgain(met, cookie);
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  const share = shareOf(`weight ${weight} with sticky cookies: people`, weight, first);
  return { ...share, wrongWay: again.wrong, notAnswered: share.notAnswered + again.failed };
}

const pause = {};

async function toFirstStep(subject: Subject, canary: object): Promise<void> {
  await subject.want('v1', { canary });
  await subject.untilStable('v1');
  await subject.want('v2', { canary });
  await subject.untilObeyed(1);
}

/** Asks as often in each state, and counts who answered. */
export async function measureShares(bed: Bed, requests: number): Promise<readonly Share[]> {
  const plain = await openSubject(bed, { namespace: 'shares', versions: ['v1', 'v2'] });
  const { host } = plain.world;
  const steps = [
    { setWeight: 10, pause },
    { setWeight: 10, setHeaderRoute: JASON_MATCH, pause },
    { setWeight: 50, setHeaderRoute: {}, pause },
  ];
  await toFirstStep(plain, { steps });
  const ten = shareOf('weight 10', 10, await bed.split(host, requests));
  await plain.promote();
  const tenWithHeader = await withHeader(bed, host, 10, requests);
  await plain.promote();
  const half = shareOf('weight 50', 50, await bed.split(host, requests));
  const sticky = await openSubject(bed, { namespace: 'sticky', versions: ['v1', 'v2'] });
  const stickiness = { cookie: COOKIE, ttl: '1h' };
  await toFirstStep(sticky, { steps: [10, 50].map(setWeight => ({ setWeight, pause })), stickiness });
  await sticky.promote();
  return [ten, half, tenWithHeader, await withCookies(bed, sticky.world.host, 50, requests)];
}
