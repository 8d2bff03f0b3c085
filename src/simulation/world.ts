import {
  type Action,
  type Announcement,
  announcements,
  type Counts,
  type Decision,
  decide,
  type Installation,
  isWorthStoring,
  type Measurement,
  type Observation,
  type Rollout,
  type RolloutSpec,
  type RolloutStatus,
  type RouteWeights,
  type SetTraffic,
  splitWeights,
  type VersionPods,
} from '../rollout/index.ts';
import { measureGate, type Truth } from './truth.ts';

/** 2026-11-21T14:00:00Z; every world begins then. */
export const START_MS = Date.UTC(2026, 10, 21, 14);
export const OBJECT = 'weather/forecast';

const WRITE_MS = 5;
const ANSWER_MS = 200;
const RETRY_MS = 250;
const DOWN_MS = 1_500;
const MOST_PASSES = 20_000;

export type WorldOptions = {
  readonly spec: RolloutSpec;
  /** Weights by object name, in the order in which they are raised. */
  readonly objects?: Readonly<Record<string, RouteWeights>>;
  readonly subsets?: readonly string[];
  readonly pods?: Readonly<Record<string, number>>;
  readonly installation?: Installation;
  readonly truth?: Partial<Truth>;
  /** Lose all memory before or after the n-th write (1-based) of anything. */
  readonly crash?: { readonly write: number; readonly when: 'before' | 'after' };
  /** Sees every decision with what it was made from. */
  readonly onDecision?: (rollout: Rollout, observation: Observation, decision: Decision, nowMs: number) => void;
};

type MeshObject = {
  name: string;
  resourceVersion: number;
  weights: RouteWeights;
  position?: SetTraffic['position'];
  /** Versions that this Rollout routed to; they travel with the position. */
  routed?: readonly string[];
};

export type Moment = {
  readonly atMs: number;
  readonly weight: number;
  readonly step: number;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
};

export type MeshWrite = { readonly atMs: number; readonly object: string; readonly weight: number; readonly step: number };

class Crash extends Error {}

/**
 * A small world around `decide`: it stores the status, carries out the actions, and answers measurements from scripted
 * truth. Time moves only here. What a process keeps in memory can be lost at any write.
 */
export class World {
  nowMs = START_MS;
  spec: RolloutSpec;
  status: RolloutStatus | undefined;
  request: string | undefined;
  truth: Truth;
  readonly objects: MeshObject[];
  readonly pods: Record<string, VersionPods> = {};
  readonly timeline: Moment[] = [];
  readonly meshWrites: MeshWrite[] = [];
  readonly announced: Announcement[] = [];
  readonly counts = { mesh: 0, subset: 0, status: 0, request: 0, finalizer: 0, decisions: 0, measured: 0 };
  /** Instead of a resolved mesh, when set. */
  problem: { readonly message: string; readonly nothingRoutes: boolean } | undefined;
  /** Refuses writes of mesh objects with this message, while set. */
  meshRefuses: string | undefined;
  statusRefused = false;
  isDeleting = false;
  hasFinalizer = false;
  /** Somebody else's finalizer keeps the Rollout from vanishing. */
  hasForeignFinalizer = false;
  /** Called once, right before the next write of a mesh object. */
  beforeMeshWrite: (() => void) | undefined;
  private generation = 1;
  private writes = 0;
  private readonly subsets: Set<string>;
  private readonly options: WorldOptions;
  private readonly events: { atMs: number; run: () => void }[] = [];
  private memory = emptyMemory();

  constructor(options: WorldOptions) {
    this.options = options;
    this.spec = options.spec;
    this.truth = { requestsPerSecond: 100, ...options.truth };
    this.subsets = new Set(options.subsets ?? ['v1']);
    const objects = options.objects ?? { [OBJECT]: { versions: { v1: 100 }, foreign: 0 } };
    this.objects = Object.entries(objects).map(([name, weights]) => ({ name, weights, resourceVersion: 1 }));
    for (const [version, ready] of Object.entries(options.pods ?? { v1: 3 })) this.setPods(version, ready);
  }

  /** Sets the pods behind a version; `hash` names their template. */
  setPods(version: string, ready: number, hash = `${version}a`): void {
    const hashes = ready > 0 ? [hash] : [];
    this.pods[version] = { ready, total: Math.max(ready, 1), hashes, workloads: ready > 0 ? [`forecast-${version}`] : [] };
  }

  commit(change: Partial<RolloutSpec>): void {
    this.spec = { ...this.spec, ...change };
    this.generation += 1;
  }

  ask(request: object | string): void {
    this.request = typeof request === 'string' ? request : JSON.stringify(request);
  }

  /** A stranger writes weights; the annotation stays unless `position` says otherwise. */
  edit(
    name: string,
    versions: Readonly<Record<string, number>>,
    options: { dropPosition?: boolean; foreign?: number } = {},
  ): void {
    const object = this.object(name);
    object.weights = { versions, foreign: options.foreign ?? object.weights.foreign };
    object.resourceVersion += 1;
    if (options.dropPosition) {
      delete object.position;
      delete object.routed;
    }
  }

  removeObject(name: string): void {
    this.objects.splice(this.objects.indexOf(this.object(name)), 1);
  }

  /** Runs `change` when the world has lived for `afterMs`. */
  at(afterMs: number, run: () => void): void {
    this.events.push({ atMs: START_MS + afterMs, run });
    this.events.sort((a, b) => a.atMs - b.atMs);
  }

  /** The process dies here: what it had only in memory is gone. */
  crash(): void {
    this.memory = emptyMemory();
  }

  /** The Rollout has left the API server: nobody decides any more. */
  get isGone(): boolean {
    return this.isDeleting && !this.hasFinalizer && !this.hasForeignFinalizer;
  }

  /** Lives on for `forMs`. */
  run(forMs: number): this {
    const untilMs = this.nowMs + forMs;
    for (let passes = 0; this.nowMs < untilMs; passes++) {
      if (passes > MOST_PASSES) throw new Error(`the world does not come to rest: ${this.status?.message}`);
      const before = this.nowMs;
      const nextMs = this.live();
      const eventMs = this.events[0]?.atMs ?? Number.POSITIVE_INFINITY;
      this.nowMs = Math.max(before, this.nowMs, Math.min(nextMs, eventMs, this.memory.answers[0]?.atMs ?? untilMs, untilMs));
      this.arrive();
    }
    return this;
  }

  /** Share of a version in percent in one object. */
  weightOf(version: string, name = this.objects[0]?.name ?? OBJECT): number {
    const { versions, foreign } = this.object(name).weights;
    const total = Object.values(versions).reduce((sum, weight) => sum + weight, 0);
    return foreign + total === 0 ? 0 : (100 * (versions[version] ?? 0)) / (foreign + total);
  }

  rollout(): Rollout {
    const { spec, status, request, generation, isDeleting, hasFinalizer } = this;
    return {
      uid: 'f3b0',
      namespace: 'weather',
      name: 'forecast',
      generation,
      spec,
      isDeleting,
      hasFinalizer,
      ...(status === undefined ? {} : { status }),
      ...(request === undefined ? {} : { request }),
    };
  }

  observe(): Observation {
    const { reference, share, writeError } = this.memory;
    for (const version of this.subsets) this.memory.seen[version] ??= this.nowMs;
    return {
      installation: this.options.installation ?? { prometheus: ['default'], zipkin: [] },
      mesh: this.mesh(),
      pods: { ...this.pods },
      measurements: { ...this.memory.measurements },
      measuredStep: this.memory.measuredStep,
      ...(reference === undefined ? {} : { reference }),
      ...(share === undefined ? {} : { share }),
      ...(writeError === undefined ? {} : { writeError }),
      epoch: 1,
    };
  }

  private mesh(): Observation['mesh'] {
    if (this.problem) return { kind: 'problem', ...this.problem };
    const names = this.objects.map(({ name }) => name);
    return {
      kind: 'resolved',
      objects: this.objects.map(({ routed, weights, ...object }) => ({
        ...object,
        weights: routed === undefined ? weights : { ...weights, earlier: routed },
        resourceVersion: String(object.resourceVersion),
      })),
      target: {
        router: 'istio',
        host: 'forecast.weather.svc.cluster.local',
        versionLabel: 'version',
        virtualServices: names,
        routes: [],
        destinationRule: OBJECT,
      },
      subsets: Object.fromEntries(
        [...this.subsets].map(version => [version, { name: version, seenAtMs: this.memory.seen[version] ?? this.nowMs }]),
      ),
    };
  }

  private object(name: string): MeshObject {
    const found = this.objects.find(object => object.name === name);
    if (found === undefined) throw new Error(`looking for ${name}: the world has no such object`);
    return found;
  }

  /** One look: decides, acts, stores. Answers when to look again. */
  private live(): number {
    if (this.isGone) return Number.POSITIVE_INFINITY;
    try {
      return this.pass();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.crash();
      this.nowMs += DOWN_MS;
      return this.nowMs;
    }
  }

  private pass(): number {
    const rollout = this.rollout();
    const observation = this.observe();
    const decision = decide(rollout, observation, this.nowMs);
    this.counts.decisions += 1;
    this.options.onDecision?.(rollout, observation, decision, this.nowMs);
    this.note(decision.status);
    const startMs = this.nowMs;
    const outcomes = decision.actions.map(action => this.perform(action, decision.status));
    const stored = this.store(decision.status);
    if (outcomes.includes('failed') || stored === 'failed') return this.nowMs + RETRY_MS;
    if (outcomes.includes('done') || stored === 'done') return this.nowMs;
    const again = decision.lookAgainAtMs ?? Number.POSITIVE_INFINITY;
    if (again <= startMs) throw new Error(`busy loop: nothing changed and it looks again at once: ${decision.status.message}`);
    return again;
  }

  private note(status: RolloutStatus): void {
    const { phase, reason, message } = status;
    const moment = { weight: status.traffic?.weight ?? 0, step: status.step?.index ?? 0, phase, reason, message };
    const { atMs: _, ...last } = this.timeline.at(-1) ?? { atMs: 0 };
    if (JSON.stringify(last) !== JSON.stringify(moment)) this.timeline.push({ atMs: this.nowMs, ...moment });
  }

  private perform(action: Action, status: RolloutStatus): 'done' | 'failed' | 'asked' {
    switch (action.kind) {
      case 'ensureSubset':
        this.write(() => this.subsets.add(action.version));
        this.counts.subset += 1;
        return 'done';
      case 'setTraffic':
        return this.setTraffic(action);
      case 'setFinalizer':
        this.write(() => {
          this.hasFinalizer = action.isWanted;
        });
        this.counts.finalizer += 1;
        return 'done';
      case 'removeRequest':
        this.write(() => {
          if (this.request === action.request) this.request = undefined;
        });
        this.counts.request += 1;
        return 'done';
      default:
        this.askProvider(action, status);
        return 'asked';
    }
  }

  private setTraffic(action: SetTraffic): 'done' | 'failed' {
    this.beforeMeshWrite?.();
    this.beforeMeshWrite = undefined;
    const object = this.objects.find(({ name }) => name === action.object);
    if (this.meshRefuses !== undefined) {
      this.memory.writeError = this.meshRefuses;
      return 'failed';
    }
    if (object === undefined || String(object.resourceVersion) !== action.resourceVersion) return 'failed';
    this.write(() => {
      object.weights = steer(object.weights, action, object.routed ?? []);
      object.position = action.position;
      object.routed = [...new Set([...(object.routed ?? []), action.target.stable, action.target.canary])];
      object.resourceVersion += 1;
      this.meshWrites.push({ atMs: this.nowMs, object: object.name, weight: action.weight, step: action.position.step });
    });
    this.counts.mesh += 1;
    this.memory.writeError = undefined;
    return 'done';
  }

  private store(status: RolloutStatus): 'done' | 'failed' | 'same' {
    if (!isWorthStoring(this.status, status)) return 'same';
    if (this.statusRefused || this.isGone) return 'failed';
    const before = this.status;
    this.write(() => {
      this.status = JSON.parse(JSON.stringify(status)) as RolloutStatus;
    });
    this.counts.status += 1;
    this.announced.push(...announcements('f3b0', before, status));
    return 'done';
  }

  private write(change: () => void): void {
    this.writes += 1;
    this.nowMs += WRITE_MS;
    const { crash } = this.options;
    const hit = crash?.write === this.writes;
    if (hit && crash?.when === 'before') throw new Crash();
    change();
    if (hit) throw new Crash();
  }

  /** Sends a question to the providers; the answer comes a little later, unless the same one is under way. */
  private askProvider(
    action: Exclude<Action, { kind: 'ensureSubset' | 'setTraffic' | 'setFinalizer' | 'removeRequest' }>,
    status: RolloutStatus,
  ): void {
    const topic = action.kind === 'measure' ? `${action.kind} ${action.step} ${action.gates.join()}` : action.kind;
    if (this.memory.answers.some(answer => answer.topic === topic)) return;
    this.counts.measured += 1;
    const { memory } = this;
    this.memory.answers.push({
      topic,
      atMs: this.nowMs + (this.truth.answerMs ?? ANSWER_MS),
      take: () => {
        if (action.kind === 'measureReference') memory.reference = this.reference(action);
        else if (action.kind === 'measureShare') memory.share = this.share(action);
        else this.measure(action, status);
      },
    });
    this.memory.answers.sort((a, b) => a.atMs - b.atMs);
  }

  private measure({ step, sinceMs, atMs, gates }: Extract<Action, { kind: 'measure' }>, status: RolloutStatus): void {
    const { memory } = this;
    if (memory.measuredStep !== step) memory.measurements = {};
    memory.measuredStep = step;
    for (const name of gates) {
      const gate = status.plan?.gates.find(candidate => candidate.name === name);
      if (gate === undefined) throw new Error(`measuring ${name}: the plan has no such gate`);
      const measured: Measurement = measureGate(this.truth, {
        gate,
        fromMs: sinceMs,
        atMs,
        version: status.canaryVersion ?? '',
        share: this.weightOf(status.canaryVersion ?? '') / 100,
      });
      this.memory.measurements[name] = measured;
    }
  }

  private reference({ atMs, stable }: Extract<Action, { kind: 'measureReference' }>): NonNullable<Observation['reference']> {
    if (this.truth.down?.('reference', atMs)) return { kind: 'error', atMs, message: 'reading prometheus/default: 503' };
    const counts: Counts = { bad: 0, total: Math.round(600 * this.truth.requestsPerSecond) };
    const normal = { stable: counts, stableP99Ms: 100, unattributed: counts };
    return { kind: 'measured', atMs, stableVersion: stable, prometheus: normal, zipkin: normal };
  }

  private share({ fromMs, atMs }: Extract<Action, { kind: 'measureShare' }>): NonNullable<Observation['share']> {
    if (this.truth.down?.('share', atMs)) return { kind: 'error', atMs, message: 'prometheus/default answers 503' };
    const total = Math.floor((this.truth.requestsPerSecond * (atMs - fromMs)) / 1_000);
    const canary = Math.floor(total * (this.truth.disobeyedShare?.(atMs) ?? 0));
    return { kind: 'measured', atMs, fromMs, untilMs: atMs, stable: total - canary, canary };
  }

  /** Everything whose time has come: answers of providers, then changes by others. */
  private arrive(): void {
    while ((this.memory.answers[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) this.memory.answers.shift()?.take();
    while ((this.events[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) this.events.shift()?.run();
  }
}

type Memory = {
  measurements: Record<string, Measurement>;
  reference: Observation['reference'];
  share: Observation['share'];
  writeError: string | undefined;
  seen: Record<string, number>;
  measuredStep: string | undefined;
  answers: { topic: string; atMs: number; take: () => void }[];
};

const emptyMemory = (): Memory => ({
  measurements: {},
  reference: undefined,
  share: undefined,
  writeError: undefined,
  seen: {},
  measuredStep: undefined,
  answers: [],
});

/** What the router does to the weights: foreign destinations keep theirs, the two versions share the rest. */
const steer = ({ versions, foreign }: RouteWeights, { target, weight }: SetTraffic, routed: readonly string[]): RouteWeights => {
  const { stable, canary } = target;
  const others = Object.entries(versions).filter(
    ([name]) => name !== stable && name !== canary && name !== '*' && !routed.includes(name),
  );
  const taken = foreign + others.reduce((sum, [, share]) => sum + share, 0);
  const split = splitWeights(100 - taken, weight);
  const both = stable === canary ? { [stable]: 100 - taken } : { [stable]: split.stable, [canary]: split.canary };
  return { versions: { ...Object.fromEntries(others), ...both }, foreign };
};
