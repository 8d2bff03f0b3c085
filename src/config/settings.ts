import { isIPv4, isIPv6 } from 'node:net';
import { validate as isCron } from 'node-cron';
import { z } from 'zod';
import { parseDuration, REASONS, type Reason } from '../rollout/index.ts';
import { duration, fields, matching, named, oneOf, text, wholeNumber, yesOrNo } from './yaml/fields.ts';

const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const name = (of: string) => matching(NAME, 63, `the name of ${of}: lower-case letters, digits and "-", at most 63`);
const file = () => text(4_096, 'the path of a file');
const variable = () => matching(/^[A-Za-z_]\w*$/, 253, 'the name of an environment variable');
const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'expected a list' });
const milliseconds = (byDefault: string) =>
  duration()
    .default(byDefault)
    .transform(written => parseDuration(written) ?? 0);

const httpUrl = () =>
  text(2_048, 'an http(s) URL').superRefine((value, context) => {
    const problem = urlProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

function urlProblem(value: string): string | undefined {
  if (!URL.canParse(value) || !/^https?:\/\//.test(value)) return 'is no URL, expected http://... or https://...';
  const { username, password } = new URL(value);
  return username !== '' || password !== ''
    ? 'names a user or a password, expected secrets in a file or an environment variable'
    : undefined;
}

/** http(s) or a place on this machine; what looks like ssh is refused by name, because it is the common mistake. */
const repositoryUrl = () =>
  text(2_048, 'an http(s) URL, or the path of a local repository').superRefine((value, context) => {
    const isPath = /^(?:\/|\.{1,2}\/|file:\/\/)/.test(value);
    if (/^(?:ssh:|git:|[\w.-]+@)/.test(value)) {
      context.addIssue({
        code: 'custom',
        message: 'is not supported, expected an http(s) URL, or the path of a local repository',
      });
    } else if (!isPath) {
      const problem = urlProblem(value);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    }
  });

const address = () =>
  matching(/^(?:\[[0-9A-Fa-f:.]+\]|[\w.-]*):\d{1,5}$/, 261, 'an address as host:port, such as 0.0.0.0:8080').refine(
    value => Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535,
    { message: 'expected a port from 0 to 65535' },
  );

const network = () =>
  text(64, 'a network such as 10.0.0.0/8').refine(isNetwork, { message: 'expected a network such as 10.0.0.0/8 or fd00::/8' });

function isNetwork(written: string): boolean {
  const [address = '', bits = '', ...rest] = written.split('/');
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

const server = fields({
  listen: address().default('0.0.0.0:8080').describe('Where health, metrics, the API and pages are served.'),
  hooks: address().default('0.0.0.0:8081').describe('Where webhooks of Git, chat and approvals are received, if there are any.'),
  publicUrl: httpUrl().optional().describe('How people reach this server; used in links.'),
  trustedProxies: list(network())
    .default([])
    .describe(
      'Networks of proxies whose `X-Forwarded-For` tells the address of a caller, such as 10.0.0.0/8; limits per address do not hold them up.',
    ),
  anonymousRead: yesOrNo().default(false).describe('Whether everybody may read without a token.'),
});

const leaderElection = fields({
  enabled: yesOrNo().default(true).describe('Only the holder of the lease writes. Off: there must be one instance only.'),
  namespace: name('a namespace')
    .optional()
    .describe('Namespace of the lease; default: the one of the pod (`POD_NAMESPACE`), else sluice-system.'),
  name: name('a lease').default('sluice').describe('Name of the lease.'),
});

const auth = fields({
  usernameEnv: variable().optional().describe('Environment variable with the user name.'),
  usernameFile: file().optional().describe('File with the user name.'),
  passwordEnv: variable().optional().describe('Environment variable with the password or token.'),
  passwordFile: file().optional().describe('File with the password or token; read again for each operation.'),
  tokenEnv: variable().optional().describe('Environment variable with a token that needs no user name.'),
  tokenFile: file().optional().describe('File with a token that needs no user name; read again for each operation.'),
}).superRefine((value, context) => {
  const secrets = [value.passwordEnv, value.passwordFile, value.tokenEnv, value.tokenFile].filter(secret => secret !== undefined);
  if (secrets.length !== 1) {
    context.addIssue({ code: 'custom', message: 'expected exactly one of passwordEnv, passwordFile, tokenEnv, tokenFile' });
  }
  if (value.usernameEnv !== undefined && value.usernameFile !== undefined) {
    context.addIssue({ code: 'custom', message: 'expected at most one of usernameEnv, usernameFile' });
  }
});

const source = fields({
  name: name('a source').describe('Stands on the objects that it writes.'),
  url: repositoryUrl().describe('Repository: http(s), or a path of this machine.'),
  branch: text(255, 'the name of a branch').default('main').describe('Branch that is followed.'),
  path: z
    .string({ error: 'expected a path in the repository' })
    .max(1_024)
    .default('')
    .describe('Folder or file in the repository; empty: all of it.'),
  namespaces: list(z.union([z.literal('*'), name('a namespace')], { error: "expected the name of a namespace, or '*'" }))
    .min(1, { error: "expected at least one namespace, or ['*'] to allow all" })
    .describe("Where it may write; `['*']` allows all."),
  schedule: z
    .string({ error: 'expected a cron expression with five or six fields' })
    .refine(value => isCron(value), {
      message: "is no cron expression, expected five fields, or six with seconds, such as '*/30 * * * * *'",
    })
    .default('*/30 * * * * *')
    .describe('When the branch is asked for; cron, seconds first if there are six fields.'),
  auth: auth.optional().describe('How the repository is opened.'),
  verify: fields({ signersFile: file().optional().describe('Commits that none of these signed are refused.') })
    .optional()
    .describe('Signatures of commits.'),
  push: fields({
    secretEnv: variable().optional().describe('Environment variable with the secret of push webhooks.'),
    secretFile: file().optional().describe('File with the secret of push webhooks; read again each time.'),
  })
    .superRefine(exactlyOneSecret)
    .optional()
    .describe('Push webhooks.'),
  prune: yesOrNo().default(true).describe('Whether a Rollout that left Git is deleted.'),
  writeBack: fields({
    commitStatus: oneOf(['github', 'gitlab', 'gitea']).optional().describe('Where the outcome is shown beside the commit.'),
    revert: oneOf(['pullRequest']).optional().describe('Whether a change back is proposed after a rollback.'),
  })
    .optional()
    .describe('What is told to the Git server.'),
});

const prometheus = fields({
  url: httpUrl().describe('Address of Prometheus, with its path prefix if it has one.'),
  timeout: milliseconds('10s').describe('How long a query may take.'),
  tokenFile: file().optional().describe('File with a bearer token; read again for each query.'),
  publicUrl: httpUrl().optional().describe('How people reach it in their browser; used in links; default: `url`.'),
});

const zipkin = fields({
  url: httpUrl().describe('Address of Zipkin, without `/api/v2`.'),
  timeout: milliseconds('10s').describe('How long a query may take.'),
  tokenFile: file().optional().describe('File with a bearer token; read again for each query.'),
  lag: milliseconds('15s').describe('Younger traces may be incomplete and are not read.'),
  publicUrl: httpUrl().optional().describe('How people reach it in their browser; used in links; default: `url`.'),
});

const person = fields({
  name: text(253, 'the name of a person').describe('How the person is counted and shown.'),
  slack: text(253, 'a Slack user id').optional().describe('User id in Slack.'),
  user: text(253, 'a Kubernetes user').optional().describe('User name in Kubernetes.'),
  emails: list(text(320, 'an e-mail address')).optional().describe('Addresses in commits.'),
  groups: list(text(253, 'the name of a group')).optional().describe('Groups of approvers.'),
});

const secret = {
  secretEnv: variable().optional().describe('Environment variable with the secret.'),
  secretFile: file().optional().describe('File with the secret; read again each time.'),
};

type SecretReference = { readonly secretEnv?: string | undefined; readonly secretFile?: string | undefined };

function atMostOneSecret({ secretEnv, secretFile }: SecretReference, context: z.RefinementCtx): void {
  if (secretEnv !== undefined && secretFile !== undefined)
    context.addIssue({ code: 'custom', message: 'expected at most one of secretEnv, secretFile' });
}

/** Whoever receives must be able to tell who sends. */
function exactlyOneSecret({ secretEnv, secretFile }: SecretReference, context: z.RefinementCtx): void {
  if ((secretEnv === undefined) === (secretFile === undefined))
    context.addIssue({ code: 'custom', message: 'expected exactly one of secretEnv, secretFile' });
}

const REASON_OR_ALL = ['*', ...(Object.keys(REASONS) as Reason[])] as const;

const URL_PATTERN_EXPECTED =
  'http(s)://host, with a port or a path if you like; * is one label of the host, the port, or the end of the path';

/** A URL with `*` in some of its places. */
const urlPattern = () =>
  text(2_048, URL_PATTERN_EXPECTED).refine(
    value =>
      /^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|(?:\*|[\w-]+)(?:\.(?:\*|[\w-]+))*)(?::(?:\d{1,5}|\*))?(?:\/[^*\s?#]*\*?)?$/.test(
        value,
      ) && URL.canParse(value.replaceAll('*', '1')),
    { message: `expected ${URL_PATTERN_EXPECTED}` },
  );

const slack = fields({
  tokenEnv: variable().optional().describe('Environment variable with the bot token.'),
  tokenFile: file().optional().describe('File with the bot token; read again for each call.'),
  signingSecretEnv: variable().optional().describe('Environment variable with the signing secret, for buttons.'),
  signingSecretFile: file().optional().describe('File with the signing secret, for buttons; read again for each press.'),
  channel: text(81, 'a Slack channel').describe('Channel for Rollouts that name none.'),
  events: list(z.enum(REASON_OR_ALL, { error: 'expected a reason of docs/reasons.md, or * for all' }))
    .default(['*'])
    .describe('Reasons that are sent; `*`: all.'),
  apiUrl: httpUrl().default('https://slack.com/api').describe('Address of the Slack API.'),
}).superRefine(({ tokenEnv, tokenFile, signingSecretEnv, signingSecretFile }, context) => {
  if ((tokenEnv === undefined) === (tokenFile === undefined))
    context.addIssue({ code: 'custom', message: 'expected exactly one of tokenEnv, tokenFile' });
  if (signingSecretEnv !== undefined && signingSecretFile !== undefined)
    context.addIssue({ code: 'custom', message: 'expected at most one of signingSecretEnv, signingSecretFile' });
});

const webhook = fields({
  name: name('a webhook').describe('Name of the webhook.'),
  url: httpUrl().describe('Where messages are sent to.'),
  ...secret,
  events: list(z.enum(REASON_OR_ALL, { error: 'expected a reason of docs/reasons.md, or * for all' }))
    .default(['*'])
    .describe('Reasons that are sent; `*`: all.'),
}).superRefine(atMostOneSecret);

const ownNames =
  (of: string) =>
  (items: readonly { readonly name: string }[], context: z.RefinementCtx): void => {
    for (const [index, { name }] of items.entries()) {
      if (items.findIndex(other => other.name === name) === index) continue;
      context.addIssue({ code: 'custom', message: `${name} is the name of ${of} before`, path: [index, 'name'] });
    }
  };

type PersonNames = { readonly name: string; readonly slack?: string | undefined; readonly user?: string | undefined };

/** Somebody who is two people could agree twice. */
function ownIdentities(people: readonly PersonNames[], context: z.RefinementCtx): void {
  for (const field of ['name', 'slack', 'user'] as const)
    for (const [index, person] of people.entries()) {
      const written = person[field];
      const before = people.findIndex(other => other[field] === written);
      if (written === undefined || before === index) continue;
      context.addIssue({
        code: 'custom',
        message: `${written} is the ${field} of people[${before}] already`,
        path: [index, field],
      });
    }
}

/** The configuration file; one description for reading it, for its documentation and for the test that compares them. */
export const settingsSchema = fields({
  server: server.prefault({}),
  leaderElection: leaderElection.prefault({}),
  watchNamespaces: list(name('a namespace')).default([]).describe('Namespaces whose Rollouts are looked after; empty: all.'),
  sources: list(source).default([]).superRefine(ownNames('a source')),
  providers: fields({ prometheus: named(prometheus).default({}), zipkin: named(zipkin).default({}) }).prefault({}),
  gateTemplates: named(named(z.unknown())).default({}).describe('Gates that Rollouts can refer to by name.'),
  defaults: fields({
    analysis: named(z.unknown()).optional().describe('What holds where the analysis of a Rollout says nothing.'),
  }).prefault({}),
  webhookGates: fields({
    allow: list(urlPattern())
      .default([])
      .describe('URLs that webhook gates may call; `*` is a label of the host, the port, or the end of the path.'),
    ...secret,
  })
    .superRefine(atMostOneSecret)
    .prefault({}),
  people: list(person).default([]).superRefine(ownIdentities),
  notify: fields({ slack: slack.optional(), webhooks: list(webhook).default([]).superRefine(ownNames('a webhook')) }).prefault(
    {},
  ),
  approvals: fields({
    webhooks: list(fields({ name: name('a webhook').describe('Name of the approver.'), ...secret }).superRefine(exactlyOneSecret))
      .default([])
      .superRefine(ownNames('a webhook')),
  }).prefault({}),
  drift: fields({
    restore: list(text(128, 'a field manager'))
      .default(['argocd-controller', 'kustomize-controller', 'helm-controller'])
      .describe('Field managers whose changes of weights are put back.'),
  }).prefault({}),
  templatesDir: text(4_096, 'the path of a folder')
    .optional()
    .describe('Folder with templates of messages that take the place of the built-in ones.'),
  evidence: fields({
    configMaps: wholeNumber(0, 100).default(3).describe('Attempts per Rollout whose evidence is kept in the cluster.'),
    dir: text(4_096, 'the path of a folder').optional().describe('Folder that keeps more evidence.'),
  }).prefault({}),
});

export type Settings = z.output<typeof settingsSchema>;
