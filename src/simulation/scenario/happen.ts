import type { RolloutSpec, RouteWeights } from '../../rollout/index.ts';
import type { World } from '../world.ts';
import type { Conditions } from './conditions.ts';
import type { ScenarioEvent } from './events.ts';

/** A world to which things happen. */
export type Stage = {
  readonly world: World;
  readonly conditions: Conditions;
  /** Tells the reader of the timeline. */
  readonly tell: (what: string) => void;
  /** How many requests were made, for their ids. */
  requests: number;
};

type Name = Exclude<keyof ScenarioEvent, 'at'>;
type Happening = { readonly [N in Name]-?: (stage: Stage, value: NonNullable<ScenarioEvent[N]> | null) => string };

/** Lets an event happen now. */
export const happen = (stage: Stage, event: ScenarioEvent): void => {
  for (const name of Object.keys(HAPPENINGS) as readonly Name[]) {
    const value = event[name];
    if (value !== undefined) stage.tell((HAPPENINGS[name] as (stage: Stage, value: unknown) => string)(stage, value));
  }
  stage.world.truth = stage.conditions.truth();
};

const listed = (values: object | null): string =>
  Object.entries(values ?? {})
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');

const put = <T>(into: Map<string, T>, values: Readonly<Record<string, T | null>> | null): void => {
  for (const [name, value] of Object.entries(values ?? {})) {
    if (value === null) into.delete(name);
    else into.set(name, value);
  }
};

const shown = ({ versions, foreign }: RouteWeights): string => listed(foreign > 0 ? { ...versions, foreign } : versions);

const HAPPENINGS: Happening = {
  commit: ({ world }, change) => {
    world.commit((change ?? {}) as Partial<RolloutSpec>);
    return `commit: ${Object.entries(change ?? {})
      .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', ')}`;
  },
  pods: ({ world }, wanted) => {
    for (const [version, value] of Object.entries(wanted ?? {})) {
      const { ready, total, template } = typeof value === 'number' ? { ready: value } : value;
      world.setPods(version, ready, template ?? world.pods[version]?.hashes[0] ?? `${version}a`, total);
    }
    return `ready pods: ${Object.keys(wanted ?? {})
      .map(version => `${version} ${world.pods[version]?.ready}/${world.pods[version]?.total} (${templateOf(world, version)})`)
      .join(', ')}`;
  },
  traffic: ({ conditions }, value) => {
    conditions.requestsPerSecond = value ?? 0;
    return `${value} requests per second`;
  },
  errors: ({ conditions }, value) => {
    put(conditions.errors, value);
    return `failing requests in percent: ${listed(value)}`;
  },
  slow: ({ conditions }, value) => {
    put(conditions.slow, value);
    return `slow requests in percent: ${listed(value)}`;
  },
  unattributed: ({ conditions }, value) => {
    conditions.unattributed = value ?? 0;
    return `${value} % of the requests reach no pod`;
  },
  arriving: ({ conditions }, value) => {
    conditions.arriving = value ?? 100;
    return `${value} % of the intended share arrives`;
  },
  disobeyed: ({ conditions }, value) => {
    conditions.disobeyed = value ?? 0;
    return `proxies send ${value} % to the new version whatever they are told`;
  },
  query: ({ conditions }, value) => {
    put(conditions.queries, value);
    return `queries answer: ${listed(value)}`;
  },
  webhook: ({ conditions }, value) => {
    put(conditions.webhooks, value);
    return `webhooks answer: ${listed(value)}`;
  },
  down: ({ conditions }, names) => {
    conditions.down = names ?? [];
    return conditions.down.length === 0 ? 'everything answers again' : `down: ${conditions.down.join(', ')}`;
  },
  empty: ({ conditions }, names) => {
    conditions.empty = names ?? [];
    return conditions.empty.length === 0 ? 'everything has data again' : `without data: ${conditions.empty.join(', ')}`;
  },
  answersAfter: ({ conditions }, value) => {
    put(conditions.answerMs, value);
    return `answers take, in ms: ${listed(value)}`;
  },
  weights: (stage, value) => {
    if (value === null) return 'nothing';
    const { world } = stage;
    const { every = 0, times = 1 } = value;
    for (let n = 1; n < times; n++) world.at(world.livedMs + n * every, () => stage.tell(setWeights(stage, value)));
    return `${setWeights(stage, value)}${times > 1 ? `, ${times} times, every ${every / 1_000} s` : ''}`;
  },
  touch: ({ world }, name) => {
    world.mesh.object(name ?? '').resourceVersion += 1;
    return `another tool changes something else in ${name}`;
  },
  remove: ({ world }, name) => {
    world.removeObject(name ?? '');
    return `${name} is deleted`;
  },
  mesh: ({ world }, message) => {
    world.problem = message === null ? undefined : { message, nothingRoutes: false };
    return message === null ? 'the mesh can be read again' : `the mesh cannot be read: ${message}`;
  },
  refuse: ({ world }, what) => {
    world.meshRefuses = what?.includes('mesh') ? 'patching VirtualService: 500 Internal Server Error' : undefined;
    world.statusRefused = what?.includes('status') ?? false;
    return what?.length ? `writes refused: ${what.join(', ')}` : 'writes succeed again';
  },
  conflicts: ({ world }, count) => {
    world.conflicts = count ?? 0;
    return `the next ${count} writes of routing objects meet a conflict`;
  },
  request: (stage, value) => {
    const { world } = stage;
    stage.requests += 1;
    const { age = 0, ...asked } = typeof value === 'string' ? { verb: value } : (value ?? { verb: '' });
    const place = asked.verb === 'promote' ? { revision: world.status?.revision, step: world.status?.step?.index } : {};
    const at = new Date(world.nowMs - age).toISOString();
    world.ask({ id: `request-${stage.requests}`, at, ...place, ...asked });
    return `request: ${Object.entries({ ...asked, ...(age === 0 ? {} : { age: `${age / 1_000} s` }) })
      .map(([name, field]) => (name === 'verb' ? field : `${name} ${field}`))
      .join(', ')}`;
  },
  answer: ({ world }, value) => {
    if (value === null) return 'nothing';
    const { decision, by, step, revision, identities, via = 'api', comment } = value;
    world.answers.push({
      revision: revision ?? world.status?.revision ?? '',
      step,
      decision,
      by,
      identities: identities ?? [`user:${by}`],
      via,
      at: new Date(world.nowMs).toISOString(),
      ...(comment === undefined ? {} : { comment }),
    });
    return `${by} answers: step ${step} ${decision}`;
  },
  freeze: ({ world }, by) => {
    world.freeze = by === null ? undefined : { by, since: new Date(world.nowMs).toISOString() };
    return by === null ? 'the freeze ends' : `${by} freezes the installation`;
  },
  rival: ({ world }, name) => {
    world.olderRival = name ?? undefined;
    return name === null ? 'no other Rollout steers the route any more' : `${name}, which is older, steers the same route`;
  },
  meshCheck: ({ world }, found) => {
    world.meshFindings = found ?? [];
    return `the mesh check finds ${found?.map(({ severity, code, object }) => `${severity} ${code} at ${object}`).join(', ') || 'nothing'}`;
  },
  delete: ({ world }, how) => {
    world.hasForeignFinalizer = how === 'heldByAnother';
    world.isDeleting = true;
    return 'the Rollout is deleted';
  },
  crash: ({ world }, downMs) => {
    world.crash(downMs ?? 0);
    return `the controller dies, and is back after ${(downMs ?? 0) / 1_000} s`;
  },
  clock: ({ world }, byMs) => {
    world.jumpClock(byMs ?? 0);
    return `the clock is set ${(byMs ?? 0) < 0 ? 'back' : 'forward'} by ${Math.abs(byMs ?? 0) / 1_000} s`;
  },
};

const templateOf = (world: World, version: string): string => world.pods[version]?.hashes.join(', ') || 'none';

const setWeights = ({ world }: Stage, value: NonNullable<ScenarioEvent['weights']>): string => {
  const name = value.object ?? world.objects[0]?.name ?? '';
  const { set, manager, dropPosition, dropRoutes } = value;
  world.edit(name, set.versions, {
    foreign: set.foreign,
    ...(manager === undefined ? {} : { manager }),
    ...(dropPosition === undefined ? {} : { dropPosition }),
    ...(dropRoutes === undefined ? {} : { dropRoutes }),
  });
  return `${manager ?? 'somebody'} sets ${name} to ${shown(set)}`;
};
