import { createKubeClient } from '../../adapters/kubernetes/client.ts';
import { createRenderer } from '../../adapters/templates/render.ts';
import { durationText, type OpenQuestion, openQuestion, type RolloutStatus } from '../../rollout/index.ts';
import { findRollout } from '../cluster/findRollout.ts';
import type { Asked } from './options.ts';

/** What a Rollout asks, as a person sees it before the answer is sent. */
export type Question = Pick<OpenQuestion, 'revision' | 'step'> & {
  /** When people were asked what was shown; who is asked anew is asked something else. */
  readonly askedAt?: string;
  /** Absent: only the command line has said which question it is. */
  readonly shown?: readonly string[];
};

/** A question, or why there is none to be answered; throws SystemError when the Rollout cannot be read. */
export const findQuestion = async (
  asked: Asked,
  namespace: string,
  nowMs: number,
): Promise<Question | { readonly none: string }> => {
  const { name, kubeconfig } = asked;
  if (asked.step !== undefined && asked.revision !== undefined) return { step: asked.step, revision: asked.revision };
  const client = createKubeClient(kubeconfig);
  try {
    const { status } = (await findRollout({ client, namespace }, name)).rollout;
    const open = openQuestion(status);
    if (status === undefined || open === undefined)
      return { none: `nobody is asked: ${plain(status?.message ?? 'Sluice has not looked at it yet')}` };
    if (asked.step !== undefined && asked.step !== open.step)
      return { none: `step ${open.step} is what people are asked, not ${asked.step}` };
    if (asked.revision !== undefined && asked.revision !== open.revision)
      return { none: `revision ${open.revision} is what people are asked, not ${asked.revision}` };
    const { revision, step, askedAt } = open;
    return { revision, step, askedAt, shown: linesOf(open, status, { namespace, name, nowMs }) };
  } finally {
    client.close();
  }
};

type Around = { readonly namespace: string; readonly name: string; readonly nowMs: number };

const linesOf = (open: OpenQuestion, status: RolloutStatus, around: Around): readonly string[] => {
  const { approval, step, weight, given } = open;
  const count = status.plan?.steps.length ?? step;
  const version = status.canaryVersion ?? 'the new version';
  const what =
    approval.when === 'before'
      ? `may ${version} begin step ${step}/${count} at ${weight}%?`
      : `may ${version} leave step ${step}/${count}?`;
  const since = durationText(Math.max(0, Math.floor((around.nowMs - Date.parse(open.askedAt)) / 1_000) * 1_000));
  const message = approval.message === undefined ? [] : [rendered(approval.message, open, status, around)];
  const gates = (status.gates ?? []).map(gate => `${gate.name} ${gate.verdict}`);
  return [
    `${around.namespace}/${around.name}: ${what} (revision ${open.revision}, asked ${since} ago)`,
    ...message,
    `agreed so far: ${given.length} of ${approval.required}${given.length === 0 ? '' : ` (${given.join(', ')})`}`,
    ...(gates.length === 0 ? [] : [`gates: ${gates.join(', ')}`]),
    status.message,
  ].map(plain);
};

const rendered = (
  template: string,
  { step, weight }: OpenQuestion,
  status: RolloutStatus,
  { namespace, name }: Around,
): string => {
  const values = {
    namespace,
    name,
    host: status.target?.host ?? name,
    stable: status.stableVersion ?? '',
    canary: status.canaryVersion ?? '',
    version: status.canaryVersion ?? '',
    step,
    steps: status.plan?.steps.length ?? step,
    weight,
  };
  try {
    return createRenderer()(template, values);
  } catch {
    // as it was written says more than nothing
    return template;
  }
};

/** One line of text of others, in which nothing steers a terminal. */
export const plain = (text: string): string => text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
