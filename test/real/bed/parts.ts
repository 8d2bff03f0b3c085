/**
 * The servers of a bed that can be stopped, started, paused and left out. `pods` plays the containers, `git` serves repositories.
 * `chromium` is no server: the tests of the dashboard start it.
 */
const PARTS = [
  'prometheus',
  'zipkin',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kwok',
  'istiod',
  'envoy',
  'pods',
  'git',
  'chromium',
] as const;
export type Part = (typeof PARTS)[number];

/** What cannot work without what. */
const NEEDS: Readonly<Record<Part, readonly Part[]>> = {
  prometheus: [],
  zipkin: [],
  git: [],
  chromium: [],
  etcd: [],
  'kube-apiserver': ['etcd'],
  'kube-controller-manager': ['kube-apiserver'],
  kwok: ['kube-controller-manager'],
  pods: ['kwok'],
  istiod: ['kube-apiserver'],
  envoy: ['istiod', 'pods'],
};

function isPart(name: string): name is Part {
  return PARTS.some(part => part === name);
}

/** Reads a list such as `zipkin,prometheus`. Throws for a name that is no part. */
export function parseParts(list: string): Part[] {
  const names = list.split(/[\s,]+/).filter(name => name !== '');
  for (const name of names) {
    if (!isPart(name)) throw new Error(`SLUICE_REAL_WITHOUT: "${name}" is no server of the bed; known are ${PARTS.join(', ')}`);
  }
  return names.filter(isPart);
}

/** The named parts and all that cannot work without them. */
export function withDependents(leftOut: readonly Part[]): Part[] {
  const out = new Set(leftOut);
  for (let before = -1; before !== out.size; ) {
    before = out.size;
    for (const part of PARTS) if (NEEDS[part].some(needed => out.has(needed))) out.add(part);
  }
  return PARTS.filter(part => out.has(part));
}
