import { durationOr } from './duration.ts';
import type { CanarySpec } from './spec.ts';
import type { PlanStep } from './status.ts';

/** The last step always stands at 100, where the new version bakes before it becomes stable. */
export const compileSteps = ({ steps, bake }: CanarySpec): readonly PlanStep[] => {
  const compiled: PlanStep[] = [];
  for (const { name, setWeight, pause } of steps) {
    compiled.push({
      ...(name === undefined ? {} : { name }),
      weight: setWeight ?? compiled.at(-1)?.weight ?? 0,
      pauseMs: pause === undefined ? 0 : pause.duration === undefined ? null : durationOr(pause.duration, 0),
    });
  }
  const bakeMs = durationOr(bake, 0);
  const last = compiled.at(-1);
  if (last?.weight !== 100) return [...compiled, { name: 'bake', weight: 100, pauseMs: bakeMs }];
  return last.pauseMs === null ? compiled : [...compiled.slice(0, -1), { ...last, pauseMs: Math.max(last.pauseMs, bakeMs) }];
};
