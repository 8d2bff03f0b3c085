import { type Clock, type PodSource, SystemError } from '../../controller/ports.ts';
import type { MeshObjectView, MeshPreview } from '../../controller/view-ports.ts';
import { inProgress, type MeshObservation, type ResolvedTarget, type Rollout, type VersionPods } from '../../rollout/index.ts';
import { createObserver, type MeshCaches } from './observe.ts';
import { courseOf, type Mesh, type Move } from './previewCourse.ts';
import { shownObject } from './previewObject.ts';
import { createPreviewWorld, type PreviewWorld } from './previewWorld.ts';
import { getByKey, keyOf, type MeshKind, type MeshObject } from './resource.ts';
import { createIstioRouter } from './router.ts';

export type PreviewDeps = MeshCaches & {
  readonly clock: Clock;
  /** Says which version runs where nothing else tells which one is stable; and whether the way back is a short one (R10). */
  readonly pods?: Pick<PodSource, 'versions'>;
};

/** A moment that lies ahead, and the objects as they would be then, and as they were before it. */
export type Foreseen = Pick<Move, 'kind' | 'when' | 'step'> & {
  readonly before: readonly ShownObject[];
  readonly objects: readonly ShownObject[];
};

export type ShownObject = Pick<MeshObjectView, 'kind' | 'namespace' | 'name'> & { readonly object: object };

/** All moments that lie ahead of a Rollout; those after the first one that could not be written are left out. */
export type MeshCourse = {
  readonly now: readonly ShownObject[];
  readonly moments: readonly Foreseen[];
  /** What the objects say now; absent when they cannot be found. */
  readonly mesh?: Mesh;
  /** By version. */
  readonly pods: Readonly<Record<string, VersionPods>>;
  /** The version that is stable, or would be taken for it. */
  readonly stable?: string;
  /** Why nothing, or not all, can be told. */
  readonly problem?: string;
};

/**
 * What the next step, the end and the way back of a Rollout would leave of its routing objects, worked out on copies by what
 * would write them; reads the caches, writes nothing, never throws. Every gate is taken to pass. Left out are fields that only
 * the API server fills, and our position.
 */
export const createMeshPreview = (deps: PreviewDeps): MeshPreview => ({
  preview: rollout => {
    const { now, moments, problem } = foreseeMesh(deps, rollout);
    const chosen = chosenOf(moments);
    const objects = now.map((shown, at): MeshObjectView => {
      const { object, ...named } = shown;
      const later = chosen.flatMap(({ when, objects }) => {
        const then = objects[at];
        return then === undefined ? [] : [{ when, object: then.object }];
      });
      return { ...named, now: object, later: later.some(then => !isSame(then.object, object)) ? later : [] };
    });
    return { objects, ...(problem === undefined ? {} : { problem }) };
  },
});

/** The next moment, the end, and the way back. */
const chosenOf = (moments: readonly Foreseen[]): readonly Foreseen[] => {
  const ahead = moments.filter(({ kind }) => kind !== 'wayBack');
  const last = ahead.at(-1);
  return [...new Set([ahead[0], last, moments.find(({ kind }) => kind === 'wayBack')])].filter(one => one !== undefined);
};

/** The same for every step that lies ahead. */
export const foreseeMesh = (deps: PreviewDeps, rollout: Rollout): MeshCourse => {
  const nowMs = deps.clock.now();
  const world = createPreviewWorld(deps, nowMs);
  const mesh = observe(world, rollout, deps.clock);
  if (mesh.kind === 'problem') return { now: [], moments: [], pods: {}, problem: mesh.message };
  const { target } = mesh;
  const pods = deps.pods?.versions(rollout.namespace, target.host, target.versionLabel) ?? {};
  const { moves, ...course } = courseOf(rollout, { mesh, pods, nowMs });
  return { now: shown(world, target), mesh, pods, ...course, ...walk(world, moves, rollout) };
};

/** The objects of an attempt in progress are its own, whatever the spec says by now. */
const observe = (world: PreviewWorld, rollout: Rollout, clock: Clock): MeshObservation => {
  if (inProgress(rollout.status)) return createObserver(world, clock)(rollout, rollout.status.target);
  return createIstioRouter({ ...world, clock, patch: refuse, refresh: refuse }).resolve(rollout, []);
};

const refuse = (): never => {
  throw new Error('a preview writes nothing');
};

/** One move after the other. What is put back is what stands after the first of them, or what stands now. */
const walk = (start: PreviewWorld, moves: readonly Move[], rollout: Rollout): Pick<MeshCourse, 'moments' | 'problem'> => {
  const moments: Foreseen[] = [];
  const problems: string[] = [];
  let world = start;
  let raised = hasTraffic(rollout) ? start : undefined;
  for (const move of moves) {
    if (problems.length > 0 && move.kind !== 'wayBack') continue;
    try {
      const from = move.kind === 'wayBack' ? (raised ?? world) : world;
      const next = from.after(move, rollout);
      if (move.kind === 'back') raised = undefined;
      if (move.kind === 'step' || move.kind === 'end') raised ??= next;
      if (move.kind !== 'wayBack') world = next;
      moments.push({ ...momentOf(move), before: shown(from, move.target), objects: shown(next, move.target) });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      problems.push(`${move.when} cannot be written: ${error.message}`);
    }
  }
  return { moments, ...(problems[0] === undefined ? {} : { problem: problems[0] }) };
};

const momentOf = ({ kind, when, step }: Move) => ({ kind, when, ...(step === undefined ? {} : { step }) });

const hasTraffic = ({ status }: Rollout): boolean => inProgress(status) && status.step.index > 0;

const shown = (world: PreviewWorld, target: ResolvedTarget): readonly ShownObject[] => {
  const routing = target.virtualServices.flatMap(key => getByKey(world.virtualServices, key) ?? []);
  const rule = target.destinationRule === undefined ? undefined : getByKey(world.destinationRules, target.destinationRule);
  return [
    ...routing.map(object => shownAs('VirtualService', object)),
    ...(rule === undefined ? [] : [shownAs('DestinationRule', rule)]),
  ];
};

const shownAs = (kind: MeshKind, object: MeshObject): ShownObject => {
  const [namespace = '', name = ''] = keyOf(object).split('/');
  return { kind, namespace, name, object: shownObject(kind, object) };
};

const isSame = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);
