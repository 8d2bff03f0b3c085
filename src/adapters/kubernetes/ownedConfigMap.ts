import { createHash } from 'node:crypto';
import type { JsonPatchOperation } from './client.ts';

/** On all that stands beside a Rollout: names and labels that fit, patches that touch only ours, and an owner. */
const ROLLOUT_LABEL = 'sluice.dev/rollout';
const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;

type Labels = Readonly<Record<string, string>>;

export const labelsBeside = (rollout: string, more: Labels = {}): Labels => ({
  [ROLLOUT_LABEL]: fitting(rollout, LONGEST_LABEL),
  ...more,
  'app.kubernetes.io/managed-by': 'sluice',
});

/** The Rollout's name and `end`, which always stands there whole. */
export const nameBeside = (rollout: string, end: string): string => `${fitting(rollout, LONGEST_NAME - end.length)}${end}`;

/** It goes when the Rollout does. */
export const ownersOf = ({ name, uid }: { readonly name: string; readonly uid: string }) => [
  { apiVersion: 'sluice.dev/v1alpha1', kind: 'Rollout', name, uid },
];

/** A key as a part of a JSON pointer. */
export const escapedKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** A patch with these fails where the labels are not ours. */
export const testsOfLabels = (labels: Labels): readonly JsonPatchOperation[] =>
  Object.entries(labels).map(([label, value]) => ({ op: 'test', path: `/metadata/labels/${escapedKey(label)}`, value }));

/** A name that is too long ends in a digest of all of it instead. */
const fitting = (name: string, longest: number): string => {
  if (name.length <= longest) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, longest - digest.length - 1).replace(/[-.]+$/, '')}-${digest}`;
};
