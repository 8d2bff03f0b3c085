import { readFileSync } from 'node:fs';
import type { AnalysisSpec, GateSpec } from '../rollout/index.ts';
import { notSupportedYet } from './later.ts';
import { type Credentials, codeOf, type Environment, type Secret, secretProblems, toCredentials, toSecret } from './secrets.ts';
import { type Settings, settingsSchema } from './settings.ts';
import { type Complaint, complaintsOf } from './yaml/complaints.ts';
import { readYaml, type YamlDocument } from './yaml/document.ts';
import { formatPath, placesOf, valueAt } from './yaml/path.ts';

type Listen = { readonly host: string; readonly port: number };
type SourceSettings = Omit<Settings['sources'][number], 'auth' | 'verify' | 'push' | 'writeBack'>;

export type SlackSettings = {
  readonly token: Secret;
  /** Absent: there are no buttons. */
  readonly signingSecret?: Secret;
  /** For Rollouts that name none. */
  readonly channel: string;
  /** Reasons, or `*`. */
  readonly events: readonly string[];
  readonly apiUrl: string;
};

type ProviderSettings = {
  readonly url: string;
  readonly timeoutMs: number;
  readonly tokenFile?: string;
  /** For links. */
  readonly publicUrl: string;
};

/** What stands in the file in the form of parts of a Rollout. */
export type RolloutParts = {
  readonly gateTemplates: Readonly<Record<string, GateSpec>>;
  readonly analysis?: AnalysisSpec;
};

/**
 * Reads such parts out of the whole file, of which nothing else is known to be right; complaints have paths from the
 * root of the file. What a Rollout may look like is not known here.
 */
export type ReadRolloutParts = (
  written: { readonly gateTemplates: unknown; readonly analysis: unknown },
  installation: {
    readonly prometheus: readonly string[];
    readonly zipkin: readonly string[];
    readonly webhookGates: readonly string[];
  },
) => { readonly parts: RolloutParts; readonly complaints: readonly Complaint[] };

/** The settings that this version knows, all defaults filled in. Durations are in ms. */
export type Config = {
  readonly listen: Listen;
  /** Where webhooks are received, if anything is configured that sends some. */
  readonly hooks: Listen;
  /** How people reach this server, without a slash at the end. */
  readonly publicUrl?: string;
  /** Networks as `address/bits`. */
  readonly trustedProxies: readonly string[];
  /** Everybody may read the API without a token. */
  readonly anonymousRead: boolean;
  /** Where other instances reach this one: the address of the pod. */
  readonly podAddress?: string;
  readonly leaderElection: { readonly enabled: boolean; readonly namespace: string; readonly name: string };
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly sources: readonly (SourceSettings & { readonly credentials?: Credentials; readonly pushSecret?: Secret })[];
  readonly providers: {
    readonly prometheus: Readonly<Record<string, ProviderSettings>>;
    readonly zipkin: Readonly<Record<string, ProviderSettings & { readonly lagMs: number }>>;
  };
  readonly gateTemplates: RolloutParts['gateTemplates'];
  readonly defaults: { readonly analysis?: AnalysisSpec };
  readonly webhookGates: { readonly allow: readonly string[]; readonly secret?: Secret };
  readonly people: Settings['people'];
  readonly notify: {
    readonly slack?: SlackSettings;
    readonly webhooks: readonly {
      readonly name: string;
      readonly url: string;
      readonly secret?: Secret;
      /** Reasons, or `*`. */
      readonly events: readonly string[];
    }[];
  };
  readonly approvals: { readonly webhooks: readonly { readonly name: string; readonly secret: Secret }[] };
  /** Folder with templates that take the place of built-in ones. */
  readonly templatesDir?: string;
  /** Field managers that re-apply their file for ever. */
  readonly drift: { readonly restore: readonly string[] };
  /** Attempts per Rollout whose evidence is kept in the cluster, and a folder that keeps more. */
  readonly evidence: { readonly configMaps: number; readonly dir?: string };
};

/** The configuration cannot be used; the message lists every problem with its place. Wrong input: exit code 2. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(file: string, problems: readonly string[]) {
    super(
      `reading configuration ${file}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the configuration file; without a path everything has its default. Secrets of environment variables are taken
 * now, those of files at each use; `ignored` is for commands that only look at the rest. Throws ConfigError with all
 * problems.
 */
export const loadConfig = (
  path: string | undefined,
  env: Environment,
  readParts: ReadRolloutParts,
  secrets: 'needed' | 'ignored' = 'needed',
): Config => {
  const file = path ?? '(none)';
  const document = path === undefined ? EMPTY : readDocument(path);
  const parsed = settingsSchema.safeParse(document.value);
  const complaints = parsed.success ? [] : complaintsOf(settingsSchema, document.value, parsed.error);
  const { parts, complaints: ofParts } = readParts(partsOf(document.value), namesIn(document.value));
  const all = [
    ...complaints,
    ...ofParts,
    ...notSupportedYet(document.value),
    ...(secrets === 'needed' ? secretProblems(document.value, env) : []),
  ];
  if (!parsed.success || all.length > 0) throw new ConfigError(file, problemLines(all, document, file));
  return toConfig(parsed.data, parts, env);
};

const partsOf = (value: unknown) => ({
  gateTemplates: valueAt(value, ['gateTemplates']),
  analysis: valueAt(value, ['defaults', 'analysis']),
});

const namesIn = (value: unknown) => ({
  prometheus: Object.keys(valueAt(value, ['providers', 'prometheus']) ?? {}),
  zipkin: Object.keys(valueAt(value, ['providers', 'zipkin']) ?? {}),
  webhookGates: placesOf(value, 'webhookGates.allow[]').map(({ content }) => String(content)),
});

const EMPTY: YamlDocument = { value: {}, start: { line: 1, column: 1 }, locate: () => ({ line: 1, column: 1 }) };

function readDocument(path: string): YamlDocument {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [`${path}: cannot be read (${codeOf(error)})`]);
  }
  const { documents, problems } = readYaml(text);
  if (problems.length > 0)
    throw new ConfigError(
      path,
      problems.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`),
    );
  if (documents.length > 1) throw new ConfigError(path, [`${path}: has ${documents.length} documents, expected one`]);
  return documents[0] ?? EMPTY;
}

function problemLines(complaints: readonly Complaint[], document: YamlDocument, file: string): readonly string[] {
  return complaints
    .map(complaint => ({ ...complaint, ...document.locate(complaint.path, complaint.part) }))
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ line, column, path, message, suggestion }) => {
      const where = path.length === 0 ? '' : `${formatPath(path)}: `;
      return `${file}:${line}:${column}: ${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
    });
}

function toConfig(settings: Settings, { gateTemplates, analysis }: RolloutParts, env: Environment): Config {
  const { server, leaderElection, watchNamespaces, sources, providers, webhookGates, people, notify, approvals } = settings;
  const { templatesDir, drift, evidence } = settings;
  const podAddress = env['POD_IP'];
  return {
    listen: toListen(server.listen),
    hooks: toListen(server.hooks),
    ...(server.publicUrl === undefined ? {} : { publicUrl: withoutSlash(server.publicUrl) }),
    trustedProxies: server.trustedProxies,
    anonymousRead: server.anonymousRead,
    ...(podAddress ? { podAddress } : {}),
    leaderElection: { ...leaderElection, namespace: leaderElection.namespace ?? (env['POD_NAMESPACE'] || 'sluice-system') },
    watchNamespaces,
    sources: sources.map(({ name, url, branch, path, namespaces, schedule, prune, auth, push }) => {
      const pushSecret = push === undefined ? undefined : toSecret(push, env);
      return {
        ...{ name, url, branch, path, namespaces, schedule, prune },
        ...(auth === undefined ? {} : { credentials: toCredentials(auth, env) }),
        ...(pushSecret === undefined ? {} : { pushSecret }),
      };
    }),
    providers: {
      prometheus: mapValues(providers.prometheus, ({ url, timeout, tokenFile, publicUrl }) => ({
        url,
        timeoutMs: timeout,
        publicUrl: withoutSlash(publicUrl ?? url),
        ...(tokenFile === undefined ? {} : { tokenFile }),
      })),
      zipkin: mapValues(providers.zipkin, ({ url, timeout, lag, tokenFile, publicUrl }) => ({
        url,
        timeoutMs: timeout,
        publicUrl: withoutSlash(publicUrl ?? url),
        lagMs: lag,
        ...(tokenFile === undefined ? {} : { tokenFile }),
      })),
    },
    gateTemplates,
    defaults: analysis === undefined ? {} : { analysis },
    webhookGates: { allow: webhookGates.allow, ...withSecret(webhookGates, env) },
    people,
    notify: {
      ...(notify.slack === undefined ? {} : { slack: toSlack(notify.slack, env) }),
      webhooks: notify.webhooks.map(({ name, url, events, ...reference }) => ({
        name,
        url,
        events,
        ...withSecret(reference, env),
      })),
    },
    approvals: {
      webhooks: approvals.webhooks.map(({ name, ...reference }) => ({ name, secret: toSecret(reference, env) ?? (() => '') })),
    },
    ...(templatesDir === undefined ? {} : { templatesDir }),
    drift,
    evidence: { configMaps: evidence.configMaps, ...(evidence.dir === undefined ? {} : { dir: evidence.dir }) },
  };
}

function toSlack(slack: NonNullable<Settings['notify']['slack']>, env: Environment): SlackSettings {
  const { tokenEnv, tokenFile, signingSecretEnv, signingSecretFile, channel, events, apiUrl } = slack;
  const signingSecret = toSecret({ secretEnv: signingSecretEnv, secretFile: signingSecretFile }, env);
  return {
    token: toSecret({ secretEnv: tokenEnv, secretFile: tokenFile }, env) ?? (() => ''),
    ...(signingSecret === undefined ? {} : { signingSecret }),
    channel,
    events,
    apiUrl: withoutSlash(apiUrl),
  };
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

function withSecret(reference: Parameters<typeof toSecret>[0], env: Environment): { readonly secret?: Secret } {
  const secret = toSecret(reference, env);
  return secret === undefined ? {} : { secret };
}

function toListen(address: string): Listen {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port: Number(address.slice(colon + 1)) };
}

const mapValues = <A, B>(values: Readonly<Record<string, A>>, change: (value: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
