import { Command, Option } from 'commander';
import { type Caller, loadCaller } from '../adapters/kubernetes/credentials.ts';
import { KubeError } from '../adapters/kubernetes/errors.ts';
import { createSluiceApi, REACHING, type SentAnswer, type SluiceReply } from '../adapters/sluice/approvals.ts';
import { SystemError } from '../controller/ports.ts';
import { type Asked, PORT_FORWARD, readOptions, type WrittenOptions } from './approve/options.ts';
import { findQuestion, plain } from './approve/question.ts';
import { isWithoutDefinition, withNextStep } from './cluster/nextStep.ts';
import { type CliIo, EXIT } from './io.ts';
import { formatted } from './terminal/output.ts';

type Decision = SentAnswer['decision'];

/** `sluice approve NAME`: exit code 0 it is recorded, 1 it does not count, 2 wrong usage, 4 nobody says that it is recorded. */
export const createApproveCommand = (io: CliIo): Command =>
  withOptions(new Command('approve'), io, 'approve').description(
    'agree to what a Rollout asks now, as the user of the kubeconfig; it shows what that is',
  );

/** `sluice reject NAME`: the same codes as `sluice approve`; all traffic goes back to the version before. */
export const createRejectCommand = (io: CliIo): Command =>
  withOptions(new Command('reject'), io, 'reject').description(
    'say no to what a Rollout asks now, as the user of the kubeconfig; all traffic goes back',
  );

const withOptions = (command: Command, io: CliIo, decision: Decision): Command =>
  command
    .argument('<name>', 'name of the Rollout')
    .option('-n, --namespace <namespace>', 'namespace of the Rollout; default: that of the context')
    .option('--step <number>', 'only this step; together with --revision the Rollout need not be read')
    .option('--revision <revision>', 'only this revision')
    .option('--comment <text>', 'why, for everybody who looks at it later')
    .option('--server <url>', 'where the API of Sluice is served (server.listen, not its hooks); default: $SLUICE_SERVER')
    .option('--certificate-authority <file>', 'authority of the server (PEM), beside the public ones')
    .option('--insecure-http', 'send the token over http to another machine')
    .option('--token <token>', 'Kubernetes token; default: that of the kubeconfig')
    .option('--token-file <file>', 'file with the Kubernetes token')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .option('--context <name>', 'context of the kubeconfig')
    .addOption(
      new Option('-o, --output <format>', 'how the outcome is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(async (name: string, written: WrittenOptions) => {
      const asked = readOptions(name, written, io.env);
      const outcome: Outcome =
        'problems' in asked ? { kind: 'usage', detail: asked.problems.join('\n') } : await answer(io, decision, asked, written);
      await report(io, written, { decision, name, ...outcome });
    });

/** How it ended; `detail` is for people. */
type Outcome = {
  readonly kind: 'recorded' | 'refused' | 'usage' | 'unreachable';
  readonly detail: string;
  readonly namespace?: string;
  readonly revision?: string;
  readonly step?: number;
  readonly by?: string;
  /** Status of the HTTP answer that refused it. */
  readonly status?: number;
};

const CODES = {
  recorded: EXIT.done,
  refused: EXIT.no,
  usage: EXIT.usage,
  unreachable: EXIT.unreachable,
} as const satisfies Record<Outcome['kind'], number>;

const answer = async (io: CliIo, decision: Decision, asked: Asked, { output }: WrittenOptions): Promise<Outcome> => {
  let place: Pick<Outcome, 'namespace' | 'revision' | 'step'> = {};
  try {
    const caller = asked.token !== undefined && asked.namespace !== undefined ? undefined : loadCaller(asked.kubeconfig);
    const namespace = asked.namespace ?? caller?.namespace ?? 'default';
    place = { namespace };
    const question = await findQuestion(asked, namespace, Date.now());
    if ('none' in question) return { kind: 'refused', ...place, detail: question.none };
    const { revision, step, askedAt, shown } = question;
    place = { namespace, revision, step };
    if (output === 'text') for (const line of shown ?? []) io.out(`${line}\n`);
    const api = createSluiceApi({ server: asked.server, token: await tokenOf(asked, caller), ...authorityOf(asked) });
    const seen = askedAt === undefined ? {} : { askedAt };
    const comment = asked.comment === undefined ? {} : { comment: asked.comment };
    return {
      ...place,
      ...outcomeOf(await api.answer({ namespace, name: asked.name, decision, revision, step, ...seen, ...comment })),
    };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { ...place, ...failed(error, `${asked.name}${place.namespace === undefined ? '' : ` -n ${place.namespace}`}`) };
  }
};

const authorityOf = ({ authorityFile }: Asked): { readonly authorityFile?: string } =>
  authorityFile === undefined ? {} : { authorityFile };

const tokenOf = async ({ token }: Asked, caller: Caller | undefined): Promise<string> =>
  token ?? (await caller?.bearerToken()) ?? '';

const outcomeOf = (reply: SluiceReply): Omit<Outcome, 'namespace'> => {
  if (reply.kind === 'recorded') return { kind: 'recorded', detail: '', by: reply.by };
  if (reply.status === 404 && reply.detail.startsWith(NOT_SERVED))
    return { kind: 'unreachable', detail: elsewhere(reply.detail) };
  const hint = HINTS[reply.status];
  return { kind: 'refused', status: reply.status, detail: `${reply.detail}${hint === undefined ? '' : `; ${hint}`}` };
};

/** A Sluice that answers so has its API at another address: webhooks are received at one of their own. */
const NOT_SERVED = 'nothing is served at ';

const elsewhere = (detail: string): string =>
  `--server leads to Sluice, but not to its API: ${detail}; is that where it receives webhooks (server.hooks, port 8081)? The API is served at server.listen, port 8080`;

const HINTS: Readonly<Record<number, string>> = {
  401: 'it takes the token of a Kubernetes user or ServiceAccount, as `kubectl create token` prints one',
};

/** It was sent, and nobody has said what became of it. */
const isUnsure = ({ system, kind, operation }: SystemError): boolean =>
  system === 'sluice' && kind === 'unavailable' && operation !== REACHING;

const failed = (error: SystemError, rollout: string): Omit<Outcome, 'namespace'> => {
  const isRefusal =
    error instanceof KubeError && error.code !== undefined && error.kind !== 'unavailable' && !isWithoutDefinition(error);
  const detail =
    error instanceof KubeError && error.code === 403
      ? `${error.message}; people have this right by the ClusterRole sluice-approver, and without it --step and --revision are enough`
      : error.operation === 'getting a token'
        ? `${error.message}: use --token or --token-file, such as --token "$(kubectl create token NAME)" of a ServiceAccount`
        : isUnsure(error)
          ? `not known to be recorded: ${error.message}; look with \`kubectl get sro ${rollout}\`, or answer again: an answer never counts twice`
          : error.operation === REACHING
            ? `${error.message}; is Sluice served there? Without an address of its own: \`${PORT_FORWARD}\`, then --server http://127.0.0.1:8080`
            : withNextStep(error, '; ');
  return { kind: isRefusal ? 'refused' : 'unreachable', detail };
};

const DONE = { approve: 'approved', reject: 'rejected' } as const;

const report = async (
  io: CliIo,
  { output }: WrittenOptions,
  { decision, name, kind, detail, ...outcome }: Outcome & { decision: Decision; name: string },
): Promise<void> => {
  const { namespace, revision, step, by } = outcome;
  if (output !== 'text' && kind !== 'usage') {
    const json = { name, ...outcome, decision, outcome: kind, ...(detail === '' ? {} : { detail: plain(detail) }) };
    io.out(await formatted(json, output));
  } else if (kind === 'recorded')
    io.out(
      `${DONE[decision]}: ${namespace}/${name} step ${step} of revision ${revision}${by === undefined ? '' : `, as ${plain(by)}`}\n`,
    );
  else if (kind === 'refused')
    io.err(`not ${DONE[decision]}: ${namespace === undefined ? '' : `${namespace}/`}${name}: ${plain(detail)}\n`);
  else io.err(`${kind === 'usage' ? detail : plain(detail)}\n`);
  io.exit(CODES[kind]);
};
