import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from '../../adapters/kubernetes/errors.ts';
import { type Resource, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import { requestPatch } from '../../adapters/kubernetes/rollouts.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { isAnswered, isoSeconds, oneLine, type PersonRequest, parseRequest, refusalOf } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type FoundRollout, findRollout } from '../cluster/findRollout.ts';
import type { Asked } from './options.ts';

/** It stands in the Rollout; `raw` is the text of the annotation. */
export type Written = { readonly kind: 'written'; readonly id: string; readonly raw: string; readonly rollout: StoredRollout };

export type NotWritten =
  /** The rules would refuse it; nothing was written. */
  | { readonly kind: 'refused'; readonly refusal: string; readonly request: PersonRequest; readonly rollout: StoredRollout }
  /** Somebody else's request stands there, and nobody has answered it. */
  | { readonly kind: 'occupied'; readonly by: string; readonly rollout: StoredRollout };

/** The controller writes the status at any time; whoever meets it so often in a row meets something else. */
const MOST_TRIES = 6;
/** A controller that runs has answered in this time. */
const OCCUPIED_MS = 3_000;
const LOOK_EVERY_MS = 250;
const FIELD_MANAGER = 'sluice-cli';

/**
 * Writes the annotation `sluice.dev/request` for whoever runs the command (R22), unless the rules would refuse it as the
 * Rollout stands now. `show` sees the Rollout before it is written to. Throws KubeError.
 */
export const writeRequest = async (
  cluster: Cluster,
  asked: Asked,
  show: (rollout: StoredRollout) => void,
): Promise<Written | NotWritten> => {
  const id = randomUUID();
  const [first, by] = await Promise.all([findRollout(cluster, asked.name), nameOfCaller(cluster)]);
  const request = requestOf(asked, id, by, first.rollout);
  let found = asked.replaces ? first : await unoccupied(cluster, first, Math.min(OCCUPIED_MS, asked.timeoutMs ?? OCCUPIED_MS));
  for (let tries = 1; ; tries += 1) {
    const { rollout } = found;
    const standing = asked.replaces ? undefined : standingRequest(rollout);
    if (standing !== undefined) return { kind: 'occupied', by: standing, rollout };
    const refusal = refusalNow(request, rollout);
    if (refusal !== undefined) return { kind: 'refused', refusal, request, rollout };
    if (tries === 1) show(rollout);
    const raw = JSON.stringify(withoutRaw(request));
    try {
      await cluster.client.jsonPatch(ROLLOUTS, rollout, requestPatch(found.object.metadata, raw), {
        fieldManager: FIELD_MANAGER,
      });
      return { kind: 'written', id, raw, rollout };
    } catch (error) {
      if (!(error instanceof KubeError) || tries === MOST_TRIES) throw error;
      if (error.kind !== 'conflict' && error.kind !== 'unavailable') throw error;
      found = await findRollout(cluster, asked.name);
      // the answer was lost, and not the request
      if (found.rollout.request === raw) return { kind: 'written', id, raw, rollout };
      if (error.kind === 'unavailable') throw error;
    }
  }
};

const withoutRaw = ({ raw: _raw, force, ...request }: PersonRequest): object => ({ ...request, ...(force ? { force } : {}) });

/** Promote has to name what it is about; what it names is what the person has seen. */
const requestOf = ({ verb, force, ...asked }: Asked, id: string, by: string, { status }: StoredRollout): PersonRequest => {
  const { revision = verb === 'promote' ? status?.revision : undefined } = asked;
  const { step = verb === 'promote' ? status?.step?.index : undefined } = asked;
  return {
    id,
    raw: '',
    verb,
    ...(revision === undefined ? {} : { revision }),
    ...(step === undefined ? {} : { step }),
    ...(asked.reason === undefined ? {} : { reason: asked.reason }),
    by,
    at: isoSeconds(Date.now()),
    force,
  };
};

const refusalNow = (request: PersonRequest, { status }: StoredRollout): string | undefined =>
  status === undefined
    ? 'Sluice has not looked at this Rollout yet; does its controller run, and watch this namespace?'
    : refusalOf(request, status, Date.now());

/** Whose request stands there unanswered: `abort of alice, made at 2026-11-21T14:02:11Z`. */
const standingRequest = ({ request: raw, status }: StoredRollout): string | undefined => {
  if (raw === undefined) return undefined;
  const parsed = parseRequest(raw);
  if (isAnswered(parsed, status, Date.now())) return undefined;
  if ('refusal' in parsed) return `${oneLine(raw, 100)}, which ${parsed.refusal}`;
  const { verb, by = 'somebody', at } = parsed;
  return `${verb} of ${by}${at === undefined ? '' : `, made at ${at}`}`;
};

/** The Rollout when the request that stands there has been answered, or when that takes too long. */
const unoccupied = async (cluster: Cluster, first: FoundRollout, limitMs: number): Promise<FoundRollout> => {
  const untilMs = performance.now() + limitMs;
  let found = first;
  while (standingRequest(found.rollout) !== undefined && performance.now() < untilMs) {
    await sleep(LOOK_EVERY_MS);
    found = await findRollout(cluster, first.rollout.name);
  }
  return found;
};

const SELF: Resource = { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews', namespaced: false };

/** As the API server knows who asks; where it does not say (before 1.28), as the kubeconfig calls them. */
const nameOfCaller = async ({ client, user }: Cluster): Promise<string> => {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} };
  try {
    const { status } = await client.create(SELF, review, { timeoutMs: 2_000 });
    const known = (status as { readonly userInfo?: { readonly username?: unknown } } | undefined)?.userInfo?.username;
    if (typeof known === 'string' && known !== '') return known;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
  }
  return user === '' ? 'somebody' : user;
};
