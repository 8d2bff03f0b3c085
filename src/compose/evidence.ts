import { createHash } from 'node:crypto';
import { createFolderEvidence } from '../adapters/files/evidence.ts';
import type { KubeClient } from '../adapters/kubernetes/client.ts';
import { createConfigMapEvidence } from '../adapters/kubernetes/evidence.ts';
import type { Config } from '../config/load.ts';
import { createEvidenceKeeper, type EvidenceKeeper } from '../controller/evidence.ts';
import type { Logger } from '../controller/ports.ts';
import type { Metrics } from '../server/metrics.ts';

/** The places in which the configuration keeps evidence. */
export const createEvidence = (
  { evidence: { configMaps, dir } }: Config,
  client: KubeClient,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): EvidenceKeeper =>
  createEvidenceKeeper({
    stores: [
      ...(configMaps === 0 ? [] : [createConfigMapEvidence({ client, attempts: configMaps, logger })]),
      ...(dir === undefined ? [] : [createFolderEvidence(dir)]),
    ],
    version: __SLUICE_VERSION__,
    digest: text => createHash('sha256').update(text).digest('hex'),
    logger,
    onOutcome: metrics.evidence,
  });
