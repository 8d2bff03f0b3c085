import { Document } from 'yaml';
import { rolloutSpecSchema } from './schema.ts';
import { rolloutStatusSchema } from './statusSchema.ts';
import { toStructural } from './structural.ts';

const column = (name: string, jsonPath: string, more: { description: string; priority?: number; type?: 'date' }) => ({
  name,
  type: more.type ?? 'string',
  jsonPath,
  description: more.description,
  ...(more.priority === undefined ? {} : { priority: more.priority }),
});

const printerColumns = [
  column('Status', '.status.phase', { description: 'Where the rollout is.' }),
  column('Version', '.status.display.version', { description: 'The version that is being rolled out or runs.' }),
  column('Step', '.status.display.step', { description: 'The current step of all steps.' }),
  column('Weight', '.status.display.weight', { description: 'Share of the new version.' }),
  column('Message', '.status.message', { description: 'What it waits for, and until when.' }),
  column('Stable', '.status.stableVersion', { description: 'The version that users get.', priority: 1 }),
  column('Source', '.status.source.name', { description: 'The Git source that owns the object.', priority: 1 }),
  column('Age', '.metadata.creationTimestamp', { description: 'Time since the object was made.', type: 'date' }),
];

const openApiSchema = () => ({
  type: 'object',
  description: 'The version that is wanted for one service, and how traffic gets there.',
  required: ['spec'],
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { type: 'object' },
    spec: { ...toStructural(rolloutSpecSchema), description: 'What is wanted.' },
    status: { ...toStructural(rolloutStatusSchema), description: 'What is; written by the controller.' },
  },
});

/** The CustomResourceDefinition of Rollout. */
export const rolloutDefinition = () => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'rollouts.sluice.dev', labels: { 'app.kubernetes.io/part-of': 'sluice' } },
  spec: {
    group: 'sluice.dev',
    scope: 'Namespaced',
    names: {
      kind: 'Rollout',
      listKind: 'RolloutList',
      plural: 'rollouts',
      singular: 'rollout',
      shortNames: ['sro'],
      categories: ['all', 'sluice'],
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: printerColumns,
        schema: { openAPIV3Schema: openApiSchema() },
      },
    ],
  },
});

/** The file `templates/crd/rollouts.sluice.dev.yaml`. */
export const rolloutDefinitionYaml = (): string => {
  const document = new Document(rolloutDefinition(), { aliasDuplicateObjects: false });
  document.commentBefore = ' Written by `npm run generate` from src/adapters/spec; a change here would be lost.';
  return document.toString({ lineWidth: 130 });
};
