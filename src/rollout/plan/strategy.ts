import { durationOr } from '../duration.ts';
import type { AbTestSpec, ApprovalSpec, BlueGreenSpec, CanarySpec, MatchSpec, StepSpec, StrategySpec } from '../spec.ts';
import type { Plan, PlanApproval, PlanStep, Routes } from '../status.ts';

/** Every strategy is one list of steps, and what happens after the last of them. */
export type CompiledStrategy = Pick<Plan, 'steps' | 'end'>;

/** All defaults filled in. A strategy that is none, which the semantics refuse, goes straight to 100. */
export const compileStrategy = ({ canary, blueGreen, abTest }: StrategySpec): CompiledStrategy => {
  if (blueGreen !== undefined) return { steps: compileBlueGreen(blueGreen) };
  if (abTest !== undefined) return compileAbTest(abTest);
  return { steps: compileCanary(canary ?? { steps: [] }) };
};

/** The last step always stands at 100, where the new version bakes before it becomes stable. */
const compileCanary = ({ steps, bake, stickiness }: CanarySpec): readonly PlanStep[] => {
  const compiled: PlanStep[] = [];
  const drawnAt: number[] = [];
  for (const step of steps) {
    const before = compiled.at(-1);
    const weight = step.setWeight ?? before?.weight ?? 0;
    compiled.push({
      ...(step.name === undefined ? {} : { name: step.name }),
      weight,
      pauseMs: pauseOf(step.pause),
      ...(step.approval === undefined ? {} : { approval: approvalOf(step.approval) }),
      // At 100 everybody is on the new version already: the routes that led some of them there go.
      ...(weight === 100 ? {} : carriedRoutes(step, before)),
      ...(weight === 0 || weight === 100
        ? {}
        : stickyRoutes(
            stickiness,
            drawnAt.filter(drawn => drawn < weight),
          )),
    });
    if (weight > 0 && !drawnAt.includes(weight)) drawnAt.push(weight);
  }
  const bakeMs = durationOr(bake, 0);
  const last = compiled.at(-1);
  if (last?.weight !== 100) return [...compiled, { name: 'bake', weight: 100, pauseMs: bakeMs }];
  return last.pauseMs === null ? compiled : [...compiled.slice(0, -1), { ...last, pauseMs: Math.max(last.pauseMs, bakeMs) }];
};

/** Header and mirror carry over from step to step until they are changed; an empty one removes (R28). */
const carriedRoutes = ({ setHeaderRoute, setMirrorRoute }: StepSpec, before: PlanStep | undefined): Routes => ({
  ...(setHeaderRoute === undefined ? only('headerRoutes', before) : headerRoute(setHeaderRoute.match)),
  ...(setMirrorRoute === undefined ? only('mirror', before) : mirrorRoute(setMirrorRoute)),
});

const only = (name: keyof Routes, { [name]: value }: Routes = {}): Routes => (value === undefined ? {} : { [name]: value });

const headerRoute = (match: readonly MatchSpec[] | undefined): Routes =>
  match === undefined || match.length === 0 ? {} : { headerRoutes: [{ match }] };

const mirrorRoute = ({ percentage = 0 }: { readonly percentage?: number | undefined }): Routes =>
  percentage === 0 ? {} : { mirror: { percentage } };

const stickyRoutes = (stickiness: CanarySpec['stickiness'], drawnAt: readonly number[]): Routes => {
  if (stickiness === undefined) return {};
  const { cookie, ttl } = stickiness;
  return { sticky: { cookie, ...(ttl === undefined ? {} : { ttlMs: durationOr(ttl, 0) }), drawnAt } };
};

/** A preview that few see, then everybody at once; while the old version is kept, the way back is one write. */
const compileBlueGreen = ({ preview, mirror, hold, approval, bake }: BlueGreenSpec): readonly PlanStep[] => {
  const isPreviewed = preview !== undefined || mirror !== undefined || hold !== undefined;
  const first: PlanStep = {
    name: 'preview',
    weight: 0,
    pauseMs: pauseOf(hold),
    ...headerRoute(preview?.match),
    ...mirrorRoute(mirror ?? {}),
  };
  const switched: PlanStep = {
    name: 'switch',
    weight: 100,
    pauseMs: durationOr(bake, 0),
    ...(approval === undefined ? {} : { approval: approvalOf(approval) }),
  };
  return isPreviewed ? [first, switched] : [switched];
};

/** Requests that match see the new version for a time; what happens then is chosen beforehand. */
const compileAbTest = ({ match, duration, then = 'promote' }: AbTestSpec): CompiledStrategy => {
  const experiment: PlanStep = { name: 'experiment', weight: 0, pauseMs: pauseOf({ duration }), ...headerRoute(match) };
  if (then === 'end') return { steps: [experiment], end: 'stable' };
  const bake: PlanStep = { name: 'bake', weight: 100, pauseMs: 0 };
  const waits = then === 'hold' && experiment.pauseMs !== null;
  return { steps: [experiment, ...(waits ? [{ ...experiment, name: 'hold', pauseMs: null }] : []), bake] };
};

const pauseOf = (pause: { readonly duration?: string | undefined } | undefined): number | null => {
  if (pause === undefined) return 0;
  return pause.duration === undefined ? null : durationOr(pause.duration, 0);
};

const approvalOf = (spec: ApprovalSpec): PlanApproval => ({
  when: spec.when ?? 'before',
  required: spec.required ?? 1,
  approvers: spec.approvers,
  ...(spec.message === undefined ? {} : { message: spec.message }),
  ...(spec.timeout === undefined ? {} : { timeoutMs: durationOr(spec.timeout, 0) }),
  onTimeout: spec.onTimeout ?? 'hold',
  allowAuthor: spec.allowAuthor ?? false,
});
