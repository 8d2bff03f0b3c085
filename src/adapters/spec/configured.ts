import type { ReadRolloutParts, RolloutParts } from '../../config/load.ts';
import { type Complaint, complaintsOf } from '../../config/yaml/complaints.ts';
import { type Path, parsePath, valueAt } from '../../config/yaml/path.ts';
import { type AnalysisSpec, checkSpec, type GateSpec, type Installation } from '../../rollout/index.ts';
import { checkTemplates, type Templates } from './check.ts';
import { shortName } from './fields.ts';
import { rolloutSpecSchema } from './schema.ts';

/** Any Rollout: parts of the configuration are read as parts of it, by the same rules. */
const BEARER = { version: 'v1', strategy: { canary: { steps: [{ setWeight: 50 }] } } };
const METADATA = { name: 'any', namespace: 'any' };

const NO_NAME = 'is no name of a gate template, expected lower-case letters, digits and "-", at most 63';

type Read<T> = { readonly value?: T | undefined; readonly complaints: readonly Complaint[] };
type Surroundings = { readonly templates: Templates; readonly installation: Installation };

/** Reads `gateTemplates` and `defaults.analysis` of the configuration as strictly as Rollouts are read. */
export const createPartsReader =
  (templates: Templates): ReadRolloutParts =>
  (written, installation) => {
    const complaints: Complaint[] = [];
    const note = <T>(found: Read<T>, at: Path): T | undefined => {
      complaints.push(...found.complaints.map(complaint => ({ ...complaint, path: [...at, ...complaint.path] })));
      return found.value;
    };
    const gateTemplates: Record<string, GateSpec> = {};
    for (const [name, item] of Object.entries(isFields(written.gateTemplates) ? written.gateTemplates : {})) {
      if (!isFields(item)) continue;
      if (!shortName('').safeParse(name).success)
        complaints.push({ path: ['gateTemplates', name], message: NO_NAME, part: 'key' });
      const gate = note(readGate(item, { templates, installation }), ['gateTemplates', name]);
      if (gate !== undefined) gateTemplates[name] = gate;
    }
    const around = { templates, installation: { ...installation, gateTemplates } };
    const analysis = isFields(written.analysis)
      ? note(readAnalysis(written.analysis, around), ['defaults', 'analysis'])
      : undefined;
    const parts: RolloutParts = { gateTemplates, ...(analysis === undefined ? {} : { analysis }) };
    return { parts, complaints };
  };

/** What is no set of fields at all is said by the schema of the configuration. */
const isFields = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a template leaves out is for the Rollout to say; only what is written can be wrong. */
const readGate = (written: object, around: Surroundings): Read<GateSpec> => {
  if ('template' in written) {
    const message = 'is not possible here, expected prometheus, zipkin or webhook: templates do not refer to templates';
    return { complaints: [{ path: ['template'], message, part: 'key' }] };
  }
  const { value, complaints } = readAnalysis({ gates: [written] }, around);
  const ofGate = complaints.map(complaint => ({ ...complaint, path: complaint.path.slice(2) }));
  const isAboutWritten = ({ path, part }: Complaint): boolean => part === 'key' || valueAt(written, path) !== undefined;
  return { value: value?.gates?.[0], complaints: ofGate.filter(isAboutWritten) };
};

const readAnalysis = (written: object, { templates, installation }: Surroundings): Read<AnalysisSpec> => {
  const whole = { ...BEARER, analysis: written };
  const result = rolloutSpecSchema.safeParse(whole);
  if (!result.success) {
    const complaints = complaintsOf(rolloutSpecSchema, whole, result.error);
    return { complaints: complaints.map(complaint => ({ ...complaint, path: complaint.path.slice(1) })) };
  }
  const spec = result.data;
  const problems = [...checkSpec(spec, installation), ...checkTemplates({ metadata: METADATA, spec }, templates)];
  const complaints = problems
    .filter(({ severity, path }) => severity === 'error' && path.startsWith('spec.analysis.'))
    .map(({ severity: _, path, ...problem }): Complaint => ({ ...problem, path: parsePath(path).slice(2), part: 'value' }));
  return { value: spec.analysis, complaints };
};
