import { KubeError } from '../../adapters/kubernetes/errors.ts';
import type { SystemError } from '../../controller/ports.ts';

/**
 * What went wrong between a person and the cluster, with what to do next. What the kubernetes adapter says of a missing right
 * is meant for whoever installs the controller, so the manifest of the controller is left out.
 */
export const withNextStep = (error: SystemError, separator = '\n'): string => {
  const said = error.message.replace(MANIFEST, '');
  const next = nextStep(error);
  return next === undefined ? said : `${said}${separator}${next}`;
};

const MANIFEST = /, see (?:Cluster)?Role [\w-]+ in `sluice install`/;

const nextStep = (error: SystemError): string | undefined => {
  if (error.system !== 'kubernetes') return undefined;
  if (error.operation === 'looking for a kubeconfig') return 'name one with --kubeconfig FILE or $KUBECONFIG';
  if (error.operation.startsWith('reading kubeconfig')) return OF_KUBECONFIG;
  if (error.operation === 'getting credentials for the API server')
    return 'log in again, then try with kubectl: it needs the same credentials';
  if (!(error instanceof KubeError)) return undefined;
  if (error.code === undefined) return error.kind === 'unavailable' ? NO_ANSWER : undefined;
  if (error.code === 401) return 'log in again, or choose another user with --context; kubectl needs the same credentials';
  if (error.code === 403) return rightsFor(error.message);
  return isWithoutDefinition(error) ? NO_DEFINITION : undefined;
};

const OF_KUBECONFIG = 'name another file with --kubeconfig FILE or $KUBECONFIG, or a context of it with --context NAME';
const NO_ANSWER = 'look whether `kubectl version` gets an answer there; --context or --kubeconfig choose another cluster';
const NO_DEFINITION =
  'this cluster does not know Rollouts: choose another one with --context, or install Sluice: sluice install | kubectl apply -f -';

/** The whole kind of objects is unknown, and not only the name: API servers say that as plain text, or in these words. */
export const isWithoutDefinition = ({ code, message }: KubeError): boolean =>
  code === 404 &&
  / rollouts\b/.test(message) &&
  /(?:answered 404|the server could not find the requested resource)$/.test(message);

/** The rule that an administrator has to grant, in the words of `kubectl create role`. */
const rightsFor = (message: string): string => {
  const [, verb, resource] = /not allowed to (\w+) (\S+);/.exec(message) ?? [];
  if (verb === undefined || resource === undefined) return 'ask whoever administers the cluster';
  const [, namespace] = /in namespace (\S+) is missing/.exec(message) ?? [];
  const where = namespace === undefined ? '--namespace NAMESPACE' : `-n ${namespace}`;
  return `ask whoever administers the cluster for it: kubectl create role ${verb}-${resource.split('.')[0]} ${where} --verb=${verb} --resource=${resource}, and a rolebinding`;
};
