import { hostOfRule, ruleCovers } from './destinationRule.ts';
import { serviceHost } from './hosts.ts';
import { checkAllowed, listNames, mayWrite, named, ResolveProblem, type Wanted } from './reference.ts';
import { keyOf, type MeshObject, namespaceOf, type ObjectCache } from './resource.ts';

/**
 * The DestinationRule with the subsets of the host: the named one, else the one that has the Rollout's name, else the only
 * one for the host in the Rollout's namespace, else the only one that allows it elsewhere. Throws ResolveProblem.
 */
export function findDestinationRule(wanted: Wanted, cache: ObjectCache): MeshObject {
  const { rollout, host } = wanted;
  const reference = rollout.spec.router?.istio?.destinationRule;
  if (reference !== undefined) return namedRule(reference, wanted, cache);
  const sameName = cache.get(rollout.namespace, rollout.name);
  if (sameName !== undefined && hostOfRule(sameName) === host) return sameName;
  const rules = [...cache.list()].filter(rule => hostOfRule(rule) === host && mayWrite(rule, rollout.namespace));
  const own = rules.filter(rule => namespaceOf(rule) === rollout.namespace);
  const candidates = own.length > 0 ? own : rules;
  const [first, second] = candidates;
  if (first === undefined) throw new ResolveProblem(noRuleMessage(wanted, cache));
  if (second === undefined) return first;
  throw new ResolveProblem(
    `several DestinationRules are for ${host}: ${listNames(candidates)}; ` +
      'set router.istio.destinationRule to the one with the subsets',
  );
}

function namedRule(reference: string, wanted: Wanted, cache: ObjectCache): MeshObject {
  const rule = named('DestinationRule', reference, wanted, cache);
  checkAllowed('DestinationRule', rule, wanted.rollout.namespace);
  if (hostOfRule(rule) === wanted.host) return rule;
  throw new ResolveProblem(
    `DestinationRule ${keyOf(rule)} is for host ${hostOfRule(rule)}, not for ${wanted.host}: ` +
      'correct router.istio.destinationRule or its host',
  );
}

/** A new rule replaces the wider one as a whole for this host, mTLS mode and all: people have to carry its policies over. */
function noRuleMessage({ rollout, host }: Wanted, cache: ObjectCache): string {
  const rules = [...cache.list()];
  const meant = rules.find(rule => serviceHost(hostOfRule(rule), namespaceOf(rule)) === host && hostOfRule(rule) !== host);
  if (meant !== undefined) {
    return `no DestinationRule is for ${host}: Istio does not complete host ${hostOfRule(meant)} of ${keyOf(meant)}, write it in full`;
  }
  const wider = rules.filter(rule => ruleCovers(rule, host) && appliesTo(rule, rollout.namespace));
  const mend = `create DestinationRule ${rollout.namespace}/${rollout.name} with a subset for each version`;
  if (wider.length === 0) return `no DestinationRule is for ${host}: ${mend}`;
  const names = wider.map(rule => `${keyOf(rule)} (host ${hostOfRule(rule)})`).join(', ');
  return (
    `no DestinationRule of namespace ${rollout.namespace} is for ${host} alone; ${names} applies to it and would be replaced: ` +
    `${mend} and copy the trafficPolicy`
  );
}

/** Istio's own namespace for rules that hold everywhere, unless its configuration names another one. */
const ROOT_NAMESPACE = 'istio-system';

/**
 * Whether the rule holds for callers everywhere. One for this very host in some other namespace holds for the callers there
 * alone, and stands before ours for them; a wildcard is taken for one of a root namespace with another name.
 */
const appliesTo = (rule: MeshObject, namespace: string): boolean =>
  [namespace, ROOT_NAMESPACE].includes(namespaceOf(rule)) || hostOfRule(rule).includes('*');
