import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cacheDirectory, cached } from './cache.ts';
import { run } from './command.ts';
import { moduleSource } from './goModules.ts';
import { VERSIONS } from './versions.ts';

/** Pods with this label never become ready: a Deployment that does not get on. */
export const NEVER_READY_LABEL = 'sluice.test/never-ready';

/** CustomResourceDefinitions of Istio, one file of YAML. */
export function istioCrds(): Promise<string> {
  return cached(join(cacheDirectory(), 'manifests', `istio-crds-${VERSIONS.istioApi}.yaml`), async unfinished => {
    const source = await moduleSource('istio.io/api', VERSIONS.istioApi);
    await copyFile(join(source, 'kubernetes', 'customresourcedefinitions.gen.yaml'), unfinished);
  });
}

interface Expression {
  readonly key: string;
  readonly operator: string;
}

interface Stage {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly selector: { readonly matchExpressions: Expression[] } };
}

/** Stages of KWOK (how Nodes and Pods come to life), changed so that Pods with the label above stay Pending. One file of JSON documents. */
export function kwokStages(kubectl: string): Promise<string> {
  return cached(join(cacheDirectory(), 'manifests', `kwok-stages-${VERSIONS.kwok}.yaml`), async unfinished => {
    const source = await moduleSource('sigs.k8s.io/kwok', VERSIONS.kwok);
    const stages: Stage[] = [];
    for (const folder of ['node/fast', 'node/heartbeat-with-lease', 'pod/fast']) {
      const text = await run(kubectl, ['kustomize', join(source, 'kustomize', 'stage', folder)]);
      stages.push(...parseAllDocuments(text).map(document => document.toJS() as Stage));
    }
    const ready = stages.find(stage => stage.metadata.name === 'pod-ready');
    if (!ready) throw new Error(`reading the stages of KWOK ${VERSIONS.kwok}: no stage is named pod-ready`);
    ready.spec.selector.matchExpressions.push({ key: `.metadata.labels["${NEVER_READY_LABEL}"]`, operator: 'DoesNotExist' });
    await writeFile(unfinished, stages.map(stage => JSON.stringify(stage)).join('\n---\n'));
  });
}
