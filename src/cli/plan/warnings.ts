import type { ForeseenPlan, ForeseenStep } from './foresee.ts';
import type { ForeseenGate } from './foreseeGate.ts';
import { lengthText } from './words.ts';

/** A gate that cannot decide within the pause of its step, and what would help. */
export type Warning = { readonly step: number; readonly gate: string; readonly message: string };

export const warningsOf = ({ steps }: ForeseenPlan): readonly Warning[] =>
  steps.flatMap(step => step.gates.flatMap(gate => warn(step, gate)));

const warn = ({ step, number }: ForeseenStep, { gate, late }: ForeseenGate): readonly Warning[] => {
  if (late === undefined || step.pauseMs === null) return [];
  if (late.why === 'window') {
    const message = `a plain gate looks at the last minute, or interval if that is longer, which has fewer than ${gate.minSamples} samples: the step never ends by itself; what helps: a longer analysis.interval, a larger weight, or a smaller minSamples`;
    return [{ step: number, gate: gate.name, message }];
  }
  if (late.neededMs === Number.POSITIVE_INFINITY) {
    const message =
      'stable itself fails too often for any proof: the step never ends by itself; what helps: a higher floor or ratio';
    return [{ step: number, gate: gate.name, message }];
  }
  const pause = lengthText(step.pauseMs);
  const needed = lengthText(late.neededMs);
  const unit = gate.source.kind === 'zipkin' ? 'spans' : 'requests';
  const why = {
    samples: `its ${gate.minSamples} ${unit} take ${needed}, and the pause is ${pause}: the step lasts that long`,
    proof: `proof of a version that is as good as stable takes ${needed}, and the pause is ${pause}: the step lasts that long`,
    nothing: `in ${pause} it could not even find that every one is bad, which takes ${needed}`,
  }[late.why];
  const other = { samples: 'a smaller minSamples', proof: 'a higher floor or ratio', nothing: 'a stricter limit' }[late.why];
  const helps = [
    `a pause of ${needed}`,
    ...weightFor(step.weight, late.neededMs / step.pauseMs, gate.baseline === undefined ? 100 : MOST_COMPARED),
    // Nobody wrote a default gate, so there is nothing in it to change.
    ...(gate.isDerived === undefined ? [other] : []),
  ];
  return [{ step: number, gate: gate.name, message: `${why}; what helps: ${helps.join(', or ')}` }];
};

/** With more than this there is no comparison. */
const MOST_COMPARED = 80;

/** The same number of samples in the same time. */
const weightFor = (weight: number, times: number, most: number): readonly string[] => {
  const wanted = Math.ceil(weight * times);
  return weight > 0 && wanted <= most ? [`setWeight ${wanted}`] : [];
};
