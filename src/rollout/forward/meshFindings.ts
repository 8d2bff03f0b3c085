import type { MeshFinding } from '../meshFinding.ts';
import type { Attempt } from '../situation.ts';

/** R13: what the mesh check found that holds each raise, in a sentence; `undefined`: nothing does. */
export const brokenMesh = ({ observation }: Pick<Attempt, 'observation'>): string | undefined => {
  const broken = findings(observation, 'error');
  return broken.length === 0 ? undefined : `${told(broken)}; goes on by itself when it is mended`;
};

/** What it found that holds nothing, as the end of the message of a step, which is read in one line. */
export const meshWarning = ({ observation }: Pick<Attempt, 'observation'>): string => {
  const codes = [...new Set(findings(observation, 'warning').map(({ code }) => code))];
  return codes.length === 0 ? '' : `; mesh check warnings in status.meshFindings: ${codes.join(', ')}`;
};

const findings = ({ meshFindings = [] }: Attempt['observation'], severity: MeshFinding['severity']): readonly MeshFinding[] =>
  meshFindings.filter(finding => finding.severity === severity);

export const told = ([first, ...others]: readonly MeshFinding[]): string => {
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return first === undefined ? '' : `${first.object}: ${first.message} (${first.code})${more}`;
};
