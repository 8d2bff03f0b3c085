import { durationOr } from '../duration.ts';
import type { Installation } from '../observation.ts';
import type { GateSpec, SpecProblem } from '../spec.ts';
import { error } from './problem.ts';

const LEAST_TIMEOUT_MS = 100;
const MOST_TIMEOUT_MS = 60_000;

/** A gate whose verdict another program gives: where it may be asked, and what makes no sense beside it. */
export const checkWebhook = (gate: GateSpec, path: string, installation?: Installation): readonly SpecProblem[] => {
  const { webhook } = gate;
  if (webhook === undefined) return [];
  const fields = ['threshold', 'baseline', 'judge', 'minSamples'] as const;
  const foreign = fields.filter(field => gate[field] !== undefined);
  const timeoutMs = durationOr(webhook.timeout, MOST_TIMEOUT_MS);
  return [
    ...checkUrl(webhook.url, `${path}.webhook.url`, installation),
    ...(timeoutMs < LEAST_TIMEOUT_MS || timeoutMs > MOST_TIMEOUT_MS
      ? [error(`${path}.webhook.timeout`, `is ${webhook.timeout}, expected from 100ms to 1m`)]
      : []),
    ...foreign.map(field => error(`${path}.${field}`, 'has no meaning for a webhook, which judges for itself', 'leave it out')),
  ];
};

const TEMPLATE = /\{\{[^{}]*\}\}/g;

const checkUrl = (written: string, path: string, installation?: Installation): readonly SpecProblem[] => {
  const [, authority = ''] = /^https?:\/\/([^/?#\\]*)/i.exec(written) ?? [];
  if (authority.includes('{')) {
    const message = `has a template name in ${authority}, expected one only behind the host: what may be called must not depend on it`;
    return [error(path, message)];
  }
  const example = written.replaceAll(TEMPLATE, 'x');
  if (authority === '' || !URL.canParse(example)) return [error(path, 'is no URL, expected http:// or https:// and a host')];
  const url = new URL(example);
  if (url.username !== '' || url.password !== '')
    return [error(path, `names a user or a password before ${url.host}; secrets do not belong into a Rollout`)];
  if (installation === undefined) return [];
  const { webhookGates: patterns = [] } = installation;
  if (patterns.some(pattern => isUrlCovered(url, pattern))) return [];
  const listed = patterns.length === 0 ? 'webhookGates.allow is empty' : `webhookGates.allow lists ${patterns.join(', ')}`;
  return [
    error(
      path,
      `leads to ${url.origin}, which the configuration does not allow: ${listed}`,
      `add "${url.origin}" to webhookGates.allow in the configuration of the controller`,
    ),
  ];
};

const PATTERN = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^/:?#@[\]]+)(?::(\d{1,5}|\*))?(\/.*)?$/i;

/** `*` in a pattern is one label of the host, the port, or the end of the path; without a path every path is meant. */
export const isUrlCovered = (url: URL, pattern: string): boolean => {
  const [, scheme = '', host = '', port, path = '/'] = PATTERN.exec(pattern) ?? [];
  const protocol = `${scheme.toLowerCase()}:`;
  const defaultPort = protocol === 'https:' ? '443' : '80';
  return (
    url.protocol === protocol &&
    isHostCovered(url.hostname, host.toLowerCase()) &&
    (port === '*' || (port ?? defaultPort) === (url.port || defaultPort)) &&
    (path === '/' || (path.endsWith('*') ? url.pathname.startsWith(path.slice(0, -1)) : url.pathname === path))
  );
};

const isHostCovered = (host: string, pattern: string): boolean => {
  if (!pattern.includes('*')) return host === pattern;
  const [labels, wanted] = [host.split('.'), pattern.split('.')];
  const isAddress = /^[\d.]+$|^\[/.test(host);
  return !isAddress && labels.length === wanted.length && wanted.every((label, i) => label === '*' || label === labels[i]);
};
