import {
  type Announcement,
  type ApprovalAnswer,
  announcements,
  decide,
  type Freeze,
  type Installation,
  isWorthStoring,
  type MeshFinding,
  type MeshObservation,
  type Observation,
  type Rollout,
  type RolloutSpec,
  type RolloutStatus,
  retiringVersion,
  type SpecProblem,
  type VersionPods,
} from '../rollout/index.ts';
import { Crash, emptyMemory } from './memory.ts';
import { type Edit, type MeshObject, type MeshWrite, SimulatedMesh } from './mesh.ts';
import { OBJECT, START_MS, type WorldOptions } from './options.ts';
import { perform } from './perform.ts';
import { asStored } from './stored.ts';
import { isSameMoment, type Moment, momentOf } from './timeline.ts';
import type { Truth } from './truth.ts';

export { OBJECT, START_MS, type WorldOptions } from './options.ts';

const UID = 'f3b0';
const INSTALLATION: Installation = { prometheus: ['default'], zipkin: [] };
const WRITE_MS = 5;
const RETRY_MS = 250;
const CONFLICT_MS = 10;
const DOWN_MS = 1_500;
const MOST_PASSES = 20_000;

/**
 * A small world around `decide`: it stores the status, carries out the actions, and answers measurements from scripted
 * truth. Time moves only here. What a process keeps in memory can be lost at any write.
 */
export class World {
  nowMs: number;
  spec: RolloutSpec;
  status: RolloutStatus | undefined;
  request: string | undefined;
  truth: Truth;
  authors: readonly string[] | undefined;
  readonly pods: Record<string, VersionPods> = {};
  readonly timeline: Moment[] = [];
  readonly meshWrites: MeshWrite[] = [];
  readonly counts = { mesh: 0, subset: 0, status: 0, request: 0, finalizer: 0, decisions: 0, measured: 0, scale: 0 };
  /** Answers of people to requests for approval, from whatever channel. */
  readonly answers: ApprovalAnswer[] = [];
  freeze: Freeze | undefined;
  /** An older Rollout that steers the same route. */
  olderRival: string | undefined;
  /** What only a shell sees in the spec. */
  findings: readonly SpecProblem[] | undefined;
  /** What a mesh check finds while an attempt is in progress. */
  meshFindings: readonly MeshFinding[] | undefined;
  /** Instead of a resolved mesh, when set. */
  problem: { readonly message: string; readonly nothingRoutes: boolean } | undefined;
  /** Refuses writes of mesh objects with this message, while set. */
  meshRefuses: string | undefined;
  /** So many writes of mesh objects meet an object that somebody has just changed. */
  conflicts = 0;
  statusRefused = false;
  isDeleting = false;
  hasFinalizer = false;
  /** Somebody else's finalizer keeps the Rollout from vanishing. */
  hasForeignFinalizer = false;
  /** Called once, right before the next write of a mesh object. */
  beforeMeshWrite: (() => void) | undefined;
  readonly mesh: SimulatedMesh;
  readonly options: WorldOptions;
  /** What the process would lose. */
  memory = emptyMemory();
  /** One object for good, since what is known about it is remembered. */
  private readonly installation: Installation;
  private generation = 1;
  private writes = 0;
  private jumpedMs = 0;
  private downUntilMs = 0;
  private readonly stored: (readonly [before: RolloutStatus | undefined, after: RolloutStatus])[] = [];
  private events: { atMs: number; run: () => void }[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.nowMs = options.startMs ?? START_MS;
    this.spec = options.spec;
    this.status = options.status;
    this.installation = options.installation ?? INSTALLATION;
    this.authors = options.authors;
    this.truth = { requestsPerSecond: 100, ...options.truth };
    const objects = options.objects ?? { [OBJECT]: { versions: { v1: 100 }, foreign: 0 } };
    this.mesh = new SimulatedMesh(objects, options.subsets ?? ['v1']);
    for (const [version, ready] of Object.entries(options.pods ?? { v1: 3 })) this.setPods(version, ready);
  }

  get objects(): MeshObject[] {
    return this.mesh.objects;
  }

  /** What people were told, oldest first. */
  get announced(): readonly Announcement[] {
    return this.stored.flatMap(([before, after]) => announcements(UID, before, after));
  }

  /** How long the world has lived, in ms; jumps of the clock do not count. */
  get livedMs(): number {
    return this.nowMs - (this.options.startMs ?? START_MS) - this.jumpedMs;
  }

  /** Sets the pods behind a version; `hash` names their template. */
  setPods(version: string, ready: number, hash = `${version}a`, total = Math.max(ready, 1)): void {
    const hashes = ready > 0 ? [hash] : [];
    this.pods[version] = { ready, total, hashes, workloads: ready > 0 ? [`forecast-${version}`] : [] };
  }

  commit(change: Partial<RolloutSpec>): void {
    this.spec = { ...this.spec, ...change };
    this.generation += 1;
  }

  ask(request: object | string): void {
    this.request = typeof request === 'string' ? request : JSON.stringify(request);
  }

  /** A stranger writes weights; the annotation stays unless the edit says otherwise. */
  edit(name: string, versions: Readonly<Record<string, number>>, edit: Edit = {}): void {
    this.mesh.edit(name, versions, edit);
  }

  removeObject(name: string): void {
    this.mesh.remove(name);
  }

  /** Runs `change` when the world has lived for `afterMs`. */
  at(afterMs: number, run: () => void): void {
    this.events.push({ atMs: (this.options.startMs ?? START_MS) + this.jumpedMs + afterMs, run });
    this.events.sort((a, b) => a.atMs - b.atMs);
  }

  /** The process dies here: what it had only in memory is gone. It is back after `downMs`. */
  crash(downMs = 0): void {
    this.memory = emptyMemory();
    this.downUntilMs = this.nowMs + downMs;
  }

  /** The clock is set; what was to happen in a minute still happens in a minute. */
  jumpClock(byMs: number): void {
    this.nowMs += byMs;
    this.jumpedMs += byMs;
    this.downUntilMs += byMs;
    this.events = this.events.map(event => ({ ...event, atMs: event.atMs + byMs }));
    this.memory.answers = this.memory.answers.map(answer => ({ ...answer, atMs: answer.atMs + byMs }));
    this.memory.clockJumps.push({ atMs: this.nowMs, byMs });
  }

  /** The Rollout has left the API server: nobody decides any more. */
  get isGone(): boolean {
    return this.isDeleting && !this.hasFinalizer && !this.hasForeignFinalizer;
  }

  /** Lives on for `forMs`. */
  run(forMs: number): this {
    const untilMs = this.livedMs + forMs;
    for (let passes = 0; this.livedMs < untilMs; passes++) {
      if (passes > MOST_PASSES) throw new Error(`the world does not come to rest: ${this.status?.message}`);
      const nextMs = this.live();
      const endMs = this.nowMs + untilMs - this.livedMs;
      const eventMs = this.events[0]?.atMs ?? endMs;
      this.nowMs = Math.max(this.nowMs, Math.min(nextMs, eventMs, this.memory.answers[0]?.atMs ?? endMs, endMs));
      this.arrive();
    }
    return this;
  }

  /** Share of a version in percent in one object, the first one by default; nothing when there is none. */
  weightOf(version: string, name = this.objects[0]?.name): number {
    return name === undefined ? 0 : this.mesh.weightOf(version, name);
  }

  rollout(): Rollout {
    const { spec, status, request, generation, isDeleting, hasFinalizer, authors } = this;
    const { namespace = 'weather', name = 'forecast' } = this.options;
    return {
      uid: UID,
      namespace,
      name,
      generation,
      spec,
      isDeleting,
      hasFinalizer,
      ...(status === undefined ? {} : { status }),
      ...(request === undefined ? {} : { request }),
      ...(authors === undefined ? {} : { authors }),
    };
  }

  observe(): Observation {
    const { freeze, findings, olderRival, memory } = this;
    const meshFindings = this.status?.step === undefined ? [] : (this.meshFindings ?? []);
    const { reference, share, writeError, measurements, measuredStep } = memory;
    const { namespace = 'weather', name = 'forecast' } = this.options;
    for (const version of Object.keys(memory.seen)) if (!this.mesh.subsets.has(version)) delete memory.seen[version];
    for (const version of this.mesh.subsets) if (!Object.hasOwn(memory.seen, version)) memory.seen[version] = this.nowMs;
    const place = { host: `${name}.${namespace}.svc.cluster.local`, rule: `${namespace}/${name}` };
    const answers = this.answers.filter(answer => !this.isRecorded(answer));
    return {
      installation: this.installation,
      mesh: this.problem ? { kind: 'problem', ...this.problem } : this.observeMesh(place),
      pods: { ...this.pods },
      measurements: { ...measurements },
      measuredStep,
      ...(reference === undefined ? {} : { reference }),
      ...(share === undefined ? {} : { share }),
      ...(writeError === undefined ? {} : { writeError }),
      ...(answers.length === 0 ? {} : { answers }),
      ...(freeze === undefined ? {} : { freeze }),
      ...(memory.clockJumps.length === 0 ? {} : { clockJumps: [...memory.clockJumps] }),
      ...(findings === undefined ? {} : { findings }),
      ...(meshFindings.length === 0 ? {} : { meshFindings }),
      ...(olderRival === undefined ? {} : { olderRival }),
      epoch: 1,
    };
  }

  private observeMesh(place: { readonly host: string; readonly rule: string }): MeshObservation {
    const mesh = this.mesh.observe(place, subset => this.memory.seen[subset] ?? this.nowMs);
    const retiring = retiringVersion(this.rollout());
    return retiring === undefined ? mesh : { ...mesh, leftover: this.mesh.leftover(retiring) };
  }

  private isRecorded({ revision, step, by, decision }: ApprovalAnswer): boolean {
    const known = this.status?.approvals?.filter(approval => approval.revision === revision && approval.step === step);
    return known?.some(approval => approval.by === by && approval.decision === decision) ?? false;
  }

  /** One look: decides, acts, stores. Answers when to look again. */
  private live(): number {
    if (this.isGone) return Number.POSITIVE_INFINITY;
    if (this.nowMs < this.downUntilMs) return this.downUntilMs;
    try {
      return this.pass();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.crash(DOWN_MS);
      return this.downUntilMs;
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
    const outcomes = decision.actions.map(action => perform(this, action, decision.status));
    const stored = this.store(decision.status);
    if (outcomes.includes('conflict')) return this.nowMs + CONFLICT_MS;
    if (outcomes.includes('failed') || stored === 'failed') return this.nowMs + RETRY_MS;
    if (outcomes.includes('done') || stored === 'done') return this.nowMs;
    const again = decision.lookAgainAtMs ?? Number.POSITIVE_INFINITY;
    if (again <= startMs) throw new Error(`busy loop: nothing changed and it looks again at once: ${decision.status.message}`);
    return again;
  }

  private note(status: RolloutStatus): void {
    const moment = momentOf(status, this.nowMs, this.livedMs);
    const last = this.timeline.at(-1);
    if (last === undefined || !isSameMoment(last, moment)) this.timeline.push(moment);
  }

  private store(status: RolloutStatus): 'done' | 'failed' | 'same' {
    if (!isWorthStoring(this.status, status)) return 'same';
    if (this.statusRefused || this.isGone) return 'failed';
    const before = this.status;
    this.write(() => {
      this.status = asStored(status, before);
    });
    this.counts.status += 1;
    this.stored.push([before, status]);
    return 'done';
  }

  /** One write of the process to the API server: takes its time, and may be what the process dies of. */
  write(change: () => void): void {
    this.writes += 1;
    this.nowMs += WRITE_MS;
    const { crash } = this.options;
    const hit = crash?.write === this.writes;
    if (hit && crash?.when === 'before') throw new Crash();
    change();
    if (hit) throw new Crash();
  }

  /** Everything whose time has come: answers of providers, then changes by others. */
  private arrive(): void {
    while ((this.memory.answers[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) this.memory.answers.shift()?.take();
    while ((this.events[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) this.events.shift()?.run();
  }
}
