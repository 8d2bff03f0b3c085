import fc from 'fast-check';
import type { RolloutSpec, StepSpec } from '../../src/rollout/index.ts';
import { OBJECT, type World } from '../../src/simulation/world.ts';

/** What is known of a calendar is remembered with its object, so that it is worked out once for all worlds. */
const WINDOWS = ['0-1 14 * * *', '* * * * *', '30 3 * * *'].map(deny => [{ deny }]);

/** What can go wrong in a random world, with other steps for whoever edits the plan. */
export const eventsOf = (steps: fc.Arbitrary<readonly StepSpec[]>) =>
  fc.oneof(
    fc.record({
      kind: fc.constant('pods' as const),
      version: fc.constantFrom('v1', 'v2', 'v2', 'v3'),
      ready: fc.nat(6),
      hash: fc.constantFrom('a', 'a', 'a', 'b'),
    }),
    fc.record({
      kind: fc.constant('weights' as const),
      gateway: fc.boolean(),
      v2: fc.nat(100),
      drop: fc.boolean(),
      unpinned: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('commit' as const), version: fc.constantFrom('v1', 'v2', 'v3') }),
    fc.record({ kind: fc.constant('break' as const), on: fc.boolean() }),
    fc.record({
      kind: fc.constant('ask' as const),
      verb: fc.constantFrom('abort', 'promote', 'promote', 'pause', 'resume', 'retry', 'nonsense'),
      force: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('errors' as const), share: fc.constantFrom(0, 0.005, 0.05, 0.5) }),
    fc.record({ kind: fc.constant('down' as const), on: fc.boolean() }),
    fc.record({ kind: fc.constant('orders' as const), value: fc.constantFrom(undefined, 0, 5) }),
    fc.record({
      kind: fc.constant('refuse' as const),
      mesh: fc.boolean(),
      status: fc.boolean(),
      forMs: fc.constantFrom(200, 400, 1_000, 3_000, 8_000, Number.POSITIVE_INFINITY),
    }),
    fc.record({ kind: fc.constant('stableLost' as const), fix: fc.boolean() }),
    fc.record({ kind: fc.constant('shrink' as const), to: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('specPaused' as const), on: fc.boolean() }),
    fc.record({ kind: fc.constant('delete' as const), keep: fc.constantFrom(false, false, true), foreign: fc.boolean() }),
    fc.record({ kind: fc.constant('finalizerTaken' as const) }),
    fc.record({ kind: fc.constant('edit' as const), steps }),
    fc.record({ kind: fc.constant('freeze' as const), on: fc.boolean() }),
    fc.record({ kind: fc.constant('window' as const), deny: fc.constantFrom(...WINDOWS) }),
    fc.record({
      kind: fc.constant('answer' as const),
      approves: fc.constantFrom(true, true, true, false),
      by: fc.constantFrom('alice', 'mallory'),
      ahead: fc.constantFrom(0, 1, 1),
    }),
    fc.record({ kind: fc.constant('reapply' as const), manager: fc.constantFrom('argocd-controller', 'kubectl-edit') }),
    fc.record({ kind: fc.constant('conflicts' as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ kind: fc.constant('crash' as const) }),
    fc.record({ kind: fc.constant('clock' as const), byMs: fc.integer({ min: -10_000, max: 20_000 }) }),
  );

/** What can happen in a random world. */
type Event = ReturnType<typeof eventsOf> extends fc.Arbitrary<infer T> ? T : never;

/** Lets it happen now; `strategy` is the one that the spec is mended to. */
export const happen = (world: World, event: Event, strategy: RolloutSpec['strategy']): void => {
  switch (event.kind) {
    case 'pods':
      world.setPods(event.version, event.ready, `${event.version}${event.hash}`);
      return;
    case 'weights': {
      const { name, weights } = world.objects[event.gateway ? 0 : world.objects.length - 1] ?? {};
      const ours = 100 - (weights?.foreign ?? 0);
      const v2 = Math.floor((ours * event.v2) / 100);
      world.edit(name ?? OBJECT, event.unpinned ? { '*': ours } : { v1: ours - v2, v2 }, { dropPosition: event.drop });
      return;
    }
    case 'commit':
      world.commit({ version: event.version });
      return;
    case 'break':
      world.commit({ strategy: event.on ? {} : strategy });
      return;
    case 'ask':
      world.ask({
        verb: event.verb,
        force: event.force,
        revision: world.status?.revision,
        step: world.status?.step?.index,
      });
      return;
    case 'errors':
      world.truth = { ...world.truth, errors: version => (version === 'v1' ? 0 : event.share) };
      return;
    case 'down':
      world.truth = { ...world.truth, down: () => event.on };
      return;
    case 'orders':
      world.truth = { ...world.truth, query: () => event.value };
      return;
    case 'refuse':
      world.meshRefuses = event.mesh ? 'patching VirtualService: 500' : undefined;
      world.statusRefused = event.status;
      if (Number.isFinite(event.forMs))
        world.at(world.livedMs + event.forMs, () => {
          world.meshRefuses = undefined;
          world.statusRefused = false;
        });
      return;
    case 'stableLost':
      // Everything that is stable breaks, and perhaps somebody commits a fix.
      world.setPods(world.status?.stableVersion ?? 'v1', 0);
      world.setPods('v3', 4);
      if (event.fix) world.commit({ version: 'v3' });
      return;
    case 'shrink':
      world.setPods('v2', event.to, world.pods['v2']?.hashes[0] ?? 'v2a');
      return;
    case 'specPaused':
      world.commit({ paused: event.on });
      return;
    case 'delete':
      if (event.keep) world.commit({ onDelete: 'keep' });
      world.hasForeignFinalizer = event.foreign;
      world.isDeleting = true;
      return;
    case 'finalizerTaken':
      world.hasFinalizer = false;
      return;
    case 'edit':
      world.commit({ strategy: { canary: { steps: event.steps } } });
      return;
    case 'freeze':
      world.freeze = event.on ? { by: 'alice', since: new Date(world.nowMs).toISOString() } : undefined;
      return;
    case 'window':
      world.commit({ windows: event.deny });
      return;
    case 'answer':
      world.answers.push({
        revision: world.status?.revision ?? '',
        step: Math.max(1, (world.status?.step?.index ?? 0) + event.ahead),
        decision: event.approves ? 'approved' : 'rejected',
        by: event.by,
        identities: [`user:${event.by}`],
        via: 'api',
        at: new Date(world.nowMs).toISOString(),
      });
      return;
    case 'reapply': {
      const { name, weights } = world.objects[0] ?? {};
      const ours = 100 - (weights?.foreign ?? 0);
      if (name !== undefined) world.edit(name, { v1: ours, v2: 0 }, { manager: event.manager });
      return;
    }
    case 'conflicts':
      world.conflicts = event.count;
      return;
    case 'crash':
      world.crash();
      return;
    case 'clock':
      world.jumpClock(event.byMs);
      world.crash();
  }
};

/** Pods ready, providers answering, nobody meddling any more. */
export const turnGood = (world: World, strategy: RolloutSpec['strategy']): void => {
  if (!world.isGone) world.commit({ strategy, paused: false, windows: [] });
  world.freeze = undefined;
  for (const version of ['v1', 'v2', 'v3']) world.setPods(version, 6, world.pods[version]?.hashes[0] ?? `${version}a`);
  world.truth = { requestsPerSecond: 200, query: () => 5 };
  world.meshRefuses = undefined;
  world.statusRefused = false;
};
