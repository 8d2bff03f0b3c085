import { describe, expect, it } from 'vitest';
import type { PodsView } from '../../src/cli/status/pods.ts';
import { statusTree } from '../../src/cli/status/tree.ts';
import { textOf } from '../../src/cli/terminal/paint.ts';
import { lineWidth } from '../../src/cli/terminal/text.ts';
import { rolloutView, type StepSpec } from '../../src/rollout/index.ts';
import type { World } from '../../src/simulation/world.ts';
import { MINUTE, SECOND, specOf, worldInProgress } from '../rollout/check.ts';

const PODS: PodsView = {
  versions: [
    { version: 'v1', role: 'stable', ready: 3, total: 3, restarts: 0, troubles: [] },
    { version: 'v2', role: 'new', ready: 1, total: 3, restarts: 4, troubles: [{ reason: 'ImagePullBackOff', pods: 2 }] },
  ],
};

const viewOf = ({ status, spec, nowMs }: World) =>
  rolloutView({ namespace: 'weather', name: 'forecast', spec, ...(status && { status }) }, nowMs);

const draw = (
  world: World,
  width: number,
  more: { readonly isAscii?: boolean; readonly pods?: PodsView; notice?: string } = {},
) => {
  const { isAscii = false, ...shown } = more;
  const lines = statusTree({ view: viewOf(world), nowMs: world.nowMs, ...shown }, { width, isAscii });
  for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(width);
  return `\n${lines.map(textOf).join('\n')}\n`;
};

const STEPS: readonly StepSpec[] = [
  { name: 'few', setWeight: 10, pause: { duration: '30s' } },
  { setWeight: 50, pause: { duration: '1h' }, approval: { approvers: ['user:alice'], message: 'half?' } },
];
const inProgress = () => worldInProgress({ spec: specOf(STEPS) }).run(20 * SECOND);
const bad = { requestsPerSecond: 100, errors: (version: string): number => (version === 'v2' ? 0.5 : 0) };

describe('the tree of a rollout', () => {
  it('R36: in progress, on a wide terminal', () => {
    expect(draw(inProgress(), 120, { pods: PODS })).toMatchInlineSnapshot(`
      "
      ▶ weather/forecast  Progressing  in step 1 of 3  for 23s
        step 1/3 at 10%: success-rate 100 % >= 99 % on 50 requests; next step at 14:00:37Z
        Version   v1 → v2
        Weight    ██░░░░░░░░░░░░░░░░░░ 10 % v2
        Waits for the pause of this step  7s left, until 14:00:37Z
      Steps
        ▶  1  few    10 %  stays 30s, in it for 23s
        ·  2         50 %  stays 1h                  needs 1 of user:alice before it begins
        ·  3  bake  100 %
      Gates
        ✔  success-rate  Pass  100 %  >= 99 %  50 requests
           finds errors from 5.84 % on, in 30s at 10 requests/s of the new version
        ✔  unattributed  Pass  0 %    <= 1 %   500 requests
      Pods
        v1  stable  3/3 ready
        v2  new     1/3 ready  ImagePullBackOff in 2, 4 restarts
      You can
        to go back at once: sluice abort forecast -n weather
      "
    `);
  });
  it('R36: what is long over although it was to end by itself makes it ask whether the controller runs', () => {
    const [world, later] = [inProgress(), inProgress()];
    later.run(10 * MINUTE);
    const shown = { view: viewOf(world), nowMs: later.nowMs };
    const lines = statusTree(shown, { width: 120, isAscii: false }).map(textOf);
    expect(lines.join('\n')).toMatch(
      /Waits for the pause of this step, which was over at \S+, 9m53s ago: does the controller run\?/,
    );
  });
  it('R36: in progress, as most terminals are', () => {
    expect(draw(inProgress(), 80, { pods: PODS })).toMatchInlineSnapshot(`
      "
      ▶ weather/forecast  Progressing  in step 1 of 3  for 23s
        step 1/3 at 10%: success-rate 100 % >= 99 % on 50 requests; next step at
        14:00:37Z
        Version   v1 → v2
        Weight    ██░░░░░░░░░░░░░░░░░░ 10 % v2
        Waits for the pause of this step  7s left, until 14:00:37Z
      Steps
        ▶  1   10 %  stays 30s, in it for 23s
        ·  2   50 %  stays 1h                  needs 1 of user:alice before it begins
        ·  3  100 %
      Gates
        ✔  success-rate  Pass  100 %  >= 99 %  50 requests
           finds errors from 5.84 % on, in 30s at 10 requests/s of the new version
        ✔  unattributed  Pass  0 %    <= 1 %   500 requests
      Pods
        v1  stable  3/3 ready
        v2  new     1/3 ready  ImagePullBackOff in 2, 4 restarts
      You can
        to go back at once: sluice abort forecast -n weather
      "
    `);
  });
  it('R36: in progress, on the narrowest terminal, in plain ASCII', () => {
    expect(draw(inProgress(), 40, { pods: PODS, isAscii: true })).toMatchInlineSnapshot(`
      "
      > weather/forecast  Progressing  in s...
        step 1/3 at 10%: success-rate 100 % >=
        99 % on 50 requests; next step at
        14:00:37Z
        Version   v1 -> v2
        Weight    #--------- 10 % v2
        Waits for the pause of this step  7...
      Steps
        >  1   10 %  stays 30s, in it for 23s
        .  2   50 %  stays 1h
        .  3  100 %
      Gates
        +  success-rate  Pass  100 %  >= 99 %
           finds errors from 5.84 % on, in...
        +  unattributed  Pass  0 %    <= 1 %
      Pods
        v1  3/3 ready
        v2  1/3 ready  ImagePullBackOff in...
      You can
        to go back at once:
          sluice abort forecast -n weather
      "
    `);
  });
  it('R36: people are asked', () => {
    expect(draw(inProgress().run(40 * SECOND), 80)).toMatchInlineSnapshot(`
      "
      ? weather/forecast  AwaitingApproval  waits for approval  for 33s
        step 1/3 at 10%: success-rate 100 % >= 99 % on 300 requests; step 2 at 50%
        needs the approval of 1 of user:alice (nobody so far); one rejection puts
        everything back
        Version   v1 → v2
        Weight    ██░░░░░░░░░░░░░░░░░░ 10 % v2
        Waits for an approval
        Asks      may step 2 at 50 % begin? nobody has agreed; asked user:alice
      Steps
        ▶  1   10 %  stays 30s, in it for 63s
        ·  2   50 %  stays 1h                  needs 1 of user:alice before it begins
        ·  3  100 %
      Gates
        ✔  success-rate  Pass  100 %  >= 99 %  300 requests
           finds errors from 5.84 % on, in 30s at 10 requests/s of the new version
        ✔  unattributed  Pass  0 %    <= 1 %   3,000 requests
      You can
        to approve: sluice approve forecast -n weather --revision ca74b0cd --step 2
        to reject, which puts everything back:
          sluice reject forecast -n weather --revision ca74b0cd --step 2
        to go back at once: sluice abort forecast -n weather
      "
    `);
  });
  it('R23, R36: rolled back', () => {
    expect(draw(worldInProgress({ spec: specOf(STEPS), truth: bad }).run(MINUTE), 100)).toMatchInlineSnapshot(`
      "
      ✖ weather/forecast  RolledBack  rolled back: a gate failed  for 57s
        all traffic on v1: success-rate 50 % < 99 % on 50 requests; evidence over 1,000,000:1, limit 667:1
        (obeyed: v2 got 0 of 51 requests since); commit another version to go on
        Version   v1; v2 was put back
        Weight    ░░░░░░░░░░░░░░░░░░░░ 0 % v2  went back from 10 % in step 1
      Steps
        ↩  1  few    10 %  stays 30s
        ·  2         50 %  stays 1h   needs 1 of user:alice before it begins
        ·  3  bake  100 %
      Gates
        ✖  success-rate  Fail  50 %  >= 99 %  50 requests
        ✔  unattributed  Pass  0 %            500 requests
      You can
        mend it and commit another version
        to try the same version again: sluice retry forecast -n weather
      "
    `);
  });
  it('Healthy', () => {
    const world = worldInProgress({ spec: specOf([{ setWeight: 50, pause: { duration: '10s' } }]) }).run(2 * MINUTE);
    expect(draw(world, 80, { pods: { problem: 'not shown: you may not read pods in weather' } })).toMatchInlineSnapshot(`
      "
      ✔ weather/forecast  Healthy  promoted  for 108s
        v2 is stable at 100%; nothing to do until the version changes
        Version   v2
        Weight    100 % v2
      Pods
        not shown: you may not read pods in weather
      You can
        to go back: commit v1; until 2026-11-21T15:00:22Z that is one step
      "
    `);
  });
  it('not looked at yet, and an API server that is away', () => {
    const world = worldInProgress();
    const { spec, nowMs } = world;
    const view = rolloutView({ namespace: 'weather', name: 'forecast', spec }, nowMs);
    const lines = statusTree(
      { view, nowMs, notice: 'the API server does not answer; trying again' },
      { width: 60, isAscii: true },
    );
    expect(`\n${lines.map(textOf).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      . weather/forecast  Pending  not looked at yet
        the controller has not looked at it yet
        Version   v2 is wanted
      Steps
        .  1         50 %  stays 20s
        .  2  bake  100 %
      You can
        if it stays like this, see whether the controller runs:
          kubectl -n sluice-system get deployments,leases
      the API server does not answer; trying again
      "
    `);
  });
  it('text of others steers nothing, and wide characters take their room', () => {
    const world = inProgress();
    const message = '\u001b[2Jhello\r\n\u202eevil 天気予報 \u{1f680}\ufe0f done';
    const view = { ...viewOf(world), message };
    const lines = statusTree({ view, nowMs: world.nowMs }, { width: 24, isAscii: false });
    for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(24);
    expect(lines.map(textOf).join('')).not.toMatch(/\p{C}|\ufe0f/u);
    expect(lines.map(textOf).slice(1, 3)).toEqual(['  [2Jhello evil 天気予報', '  🚀 done']);
  });
});
