import { afterAll, beforeAll, describe, it as test } from 'vitest';
import { ERRORS, gateOf, isRolledBack, ofGates, playStory, step } from './judgeStory.ts';
import { openWorld, type World } from './world.ts';

/** Errors of 2 % against 0.2 % are told apart after some 8,000 requests at 10 % weight. */
const MANY = 600;
const EVIDENCE = String.raw`evidence [\d,.]+:1|evidence over 1,000,000:1`;
const OBEYED = String.raw`\(obeyed: v2 got 0 of [\d,]+ requests since\); commit another version to go on$`;

// a sandbox of its own: so many requests would make all others slow
describe('the judge under much traffic', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.controller();
  });
  afterAll(() => world.close());

  test('R14, R17: 2 % of errors beside 0.2 % of stable: rolled back by the comparison, while the limit of 99 % is undecided', async ({
    expect,
  }) => {
    const { ends } = await playStory(world, 'tenfold', {
      rate: MANY,
      stable: { errorRate: 0.002 },
      canary: { errorRate: 0.02 },
      spec: { ...step(10), ...ofGates(ERRORS) },
    });
    const { status, weights, rest } = await ends(isRolledBack, 'the way back');
    expect(status.reason).toBe('GateFailed');
    expect(status.message).toMatch(
      new RegExp(
        String.raw`^all traffic on v1: success-rate: new version fails [\d.]+ % of [\d,]+ requests, stable [\d.]+ % of [\d,]+; (${EVIDENCE}), limit [\d,]+:1`,
      ),
    );
    expect(status.message).toMatch(new RegExp(OBEYED));
    const { evidence = 0, alpha = 0, baseline } = gateOf(status, 'success-rate') ?? {};
    expect({ limit: evidence * alpha >= 1, baseline: (baseline?.evidence ?? 0) * (baseline?.alpha ?? 0) >= 1 }).toEqual({
      limit: false,
      baseline: true,
    });
    expect(weights).toEqual([0, 10, 0]);
    expect(rest[1]).toEqual(rest[0]);
  });
});
