import { fullHost, wildcardCovers } from './hosts.ts';
import { guardVersion, pointer, setAnnotation, testOf } from './jsonPatch.ts';
import { annotationOf, fieldsOf, type JsonPatchOperation, listOf, type MeshObject, namespaceOf, textOf } from './resource.ts';
import type { VersionOfSubset } from './virtualService.ts';

/** A JSON list of the names of the subsets that we added, in the order in which they were added (R27). */
export const SUBSETS_ANNOTATION = 'sluice.dev/subsets';

type NamedSubset = { readonly name: string; readonly labels: Readonly<Record<string, unknown>> };

function namedSubsetsOf(destinationRule: MeshObject): readonly NamedSubset[] {
  return listOf(fieldsOf(destinationRule.spec)['subsets']).flatMap(entry => {
    const fields = fieldsOf(entry);
    const name = textOf(fields['name']);
    return name === undefined ? [] : [{ name, labels: fieldsOf(fields['labels']) }];
  });
}

/** Full name of the host that the rule is for; may be a wildcard. */
export const hostOfRule = (destinationRule: MeshObject): string =>
  fullHost(textOf(fieldsOf(destinationRule.spec)['host']) ?? '', namespaceOf(destinationRule));

export const ruleCovers = (destinationRule: MeshObject, host: string): boolean => {
  const ruleHost = hostOfRule(destinationRule);
  return ruleHost === host || wildcardCovers(ruleHost, host);
};

/** A subset stands for the value of its version label; without that label, or unknown to the rule, for its own name. */
export function versionOfSubset(destinationRule: MeshObject | undefined, versionLabel: string): VersionOfSubset {
  const subsets = destinationRule === undefined ? [] : namedSubsetsOf(destinationRule);
  const versions = new Map(subsets.map(({ name, labels }) => [name, textOf(labels[versionLabel]) ?? name]));
  return subset => versions.get(subset) ?? subset;
}

/**
 * Names of the subsets by version. When several subsets select a version, it is the one that selects by nothing else,
 * else the one that has the version's name, else the first.
 */
export function subsetsByVersion(destinationRule: MeshObject, versionLabel: string): ReadonlyMap<string, string> {
  const found = new Map<string, { readonly name: string; readonly rank: number }>();
  for (const { name, labels } of namedSubsetsOf(destinationRule)) {
    const version = textOf(labels[versionLabel]);
    if (version === undefined) continue;
    const rank = Object.keys(labels).length === 1 ? 2 : name === version ? 1 : 0;
    const best = found.get(version);
    if (best === undefined || rank > best.rank) found.set(version, { name, rank });
  }
  return new Map([...found].map(([version, { name }]) => [version, name]));
}

/** What tells whether a subset is still the same one, by its name: proxies have to learn new labels like a new subset. */
export const subsetIdentities = (destinationRule: MeshObject): ReadonlyMap<string, string> =>
  new Map(namedSubsetsOf(destinationRule).map(({ name, labels }) => [name, `${name} ${JSON.stringify(labels)}`]));

/** Names of the subsets that we added; a broken annotation has none. */
export function addedSubsetsOf(destinationRule: MeshObject): readonly string[] {
  try {
    const names = listOf(JSON.parse(annotationOf(destinationRule, SUBSETS_ANNOTATION) ?? '[]'));
    return names.filter(name => typeof name === 'string');
  } catch {
    return [];
  }
}

/** Names of all entries of `spec.subsets` in their order; `undefined` for one without a name. */
export const namesOfSubsets = (destinationRule: MeshObject): readonly (string | undefined)[] =>
  listOf(fieldsOf(destinationRule.spec)['subsets']).map(entry => textOf(fieldsOf(entry)['name']));

/** Names of the subsets for a version that we added, and that are still there. */
export function ownSubsets(destinationRule: MeshObject, versionLabel: string, version: string): readonly string[] {
  const added = addedSubsetsOf(destinationRule);
  return namedSubsetsOf(destinationRule)
    .filter(({ name, labels }) => added.includes(name) && textOf(labels[versionLabel]) === version)
    .map(({ name }) => name);
}

/** Thrown when the name of the new subset is taken by one that selects other pods. */
export class SubsetTakenError extends Error {
  constructor(name: string, versionLabel: string) {
    super(
      `there is a subset "${name}" already, but its labels do not say ${versionLabel}: ${name}; correct its labels or rename it`,
    );
    this.name = 'SubsetTakenError';
  }
}

/**
 * A JSON Patch that appends a subset named like the version, or as routes name it; empty when a subset for the version is
 * there. Throws SubsetTakenError.
 */
export function addSubset(
  destinationRule: MeshObject,
  versionLabel: string,
  version: string,
  name = version,
): readonly JsonPatchOperation[] {
  if (subsetsByVersion(destinationRule, versionLabel).has(version)) return [];
  const subsets = namedSubsetsOf(destinationRule);
  const isTaken = (wanted: string): boolean => subsets.some(known => known.name === wanted);
  const free = isTaken(name) ? version : name;
  if (isTaken(free)) throw new SubsetTakenError(version, versionLabel);
  const subset = { name: free, labels: { [versionLabel]: version } };
  const spec = fieldsOf(destinationRule.spec);
  const added = [...addedSubsetsOf(destinationRule).filter(known => known !== free), free];
  return [
    ...guardVersion(destinationRule),
    ...testOf(pointer('spec', 'host'), spec['host']),
    ...listOf(spec['subsets']).flatMap((entry, index) =>
      testOf(pointer('spec', 'subsets', index, 'name'), fieldsOf(entry)['name']),
    ),
    Array.isArray(spec['subsets'])
      ? { op: 'add', path: pointer('spec', 'subsets', '-'), value: subset }
      : { op: 'add', path: pointer('spec', 'subsets'), value: [subset] },
    ...setAnnotation(destinationRule, SUBSETS_ANNOTATION, JSON.stringify(added)),
  ];
}
