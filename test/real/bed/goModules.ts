import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, cached } from './cache.ts';
import { run } from './command.ts';
import { VERSIONS } from './versions.ts';

/** A Go program that is built from published modules by a module file of our own. */
interface GoProgram {
  /** File name in the cache, with version. */
  readonly file: string;
  readonly package: string;
  /** Text of go.mod. */
  readonly moduleFile: () => Promise<string>;
  /** `-X` settings for the linker: programs that tell their version to clients need them. */
  readonly linkerSettings?: readonly string[];
}

const ENVIRONMENT = { GOFLAGS: '-mod=mod -buildvcs=false', GOWORK: 'off' };

function moduleFile(go: string, requirement: string, replacements: readonly string[] = []): string {
  return [`module bed`, `go ${go}`, `require ${requirement}`, ...replacements.map(line => `replace ${line}`), ''].join('\n');
}

/** Builds the program, or returns it from the cache. */
export function buildGoProgram(program: GoProgram): Promise<string> {
  return cached(join(cacheDirectory(), 'bin', program.file), async unfinished => {
    const directory = join(cacheDirectory(), 'build', program.file);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'go.mod'), await program.moduleFile());
    const linker = ['-s', '-w', ...(program.linkerSettings ?? []).map(setting => `-X ${setting}`)].join(' ');
    await run('go', ['build', '-trimpath', '-ldflags', linker, '-o', unfinished, program.package], {
      cwd: directory,
      env: ENVIRONMENT,
    });
  });
}

/** Folder of a module's source in Go's own cache, downloaded when it is missing. */
export async function moduleSource(module: string, version: string): Promise<string> {
  const directory = join(cacheDirectory(), 'build', 'source');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'go.mod'), 'module bed\ngo 1.24\n');
  const answer = await run('go', ['mod', 'download', '-json', `${module}@v${version}`], { cwd: directory, env: ENVIRONMENT });
  const { Dir } = JSON.parse(answer) as { Dir?: string };
  if (!Dir) throw new Error(`downloading ${module}@v${version}: go names no folder for it`);
  return Dir;
}

/** Kubernetes points its staging modules at folders of its own repository; the published ones of the same version take their place. */
async function kubernetesModule(): Promise<string> {
  const source = await moduleSource('k8s.io/kubernetes', VERSIONS.kubernetes);
  const original = await readFile(join(source, 'go.mod'), 'utf8');
  const staging = new Set([...original.matchAll(/^\s*(?:replace\s+)?(k8s\.io\/[a-z-]+) => \.\//gm)].map(match => match[1] ?? ''));
  const version = `v0.${VERSIONS.kubernetes.slice(2)}`;
  const replacements = [...staging].sort().map(module => `${module} => ${module} ${version}`);
  return moduleFile('1.24.0', `k8s.io/kubernetes v${VERSIONS.kubernetes}`, replacements);
}

function kubernetesProgram(name: string): GoProgram {
  const [major = '', minor = ''] = VERSIONS.kubernetes.split('.');
  const variable = 'k8s.io/component-base/version';
  return {
    file: `${name}-${VERSIONS.kubernetes}`,
    package: `k8s.io/kubernetes/cmd/${name}`,
    moduleFile: kubernetesModule,
    linkerSettings: [
      `${variable}.gitVersion=v${VERSIONS.kubernetes}`,
      `${variable}.gitMajor=${major}`,
      `${variable}.gitMinor=${minor}`,
    ],
  };
}

function istioModule(): string {
  const controlPlane = 'github.com/envoyproxy/go-control-plane';
  return moduleFile('1.26.0', `istio.io/istio v${VERSIONS.istio}`, [
    `istio.io/api => istio.io/api v${VERSIONS.istioApi}`,
    `istio.io/client-go => istio.io/client-go v${VERSIONS.istioApi}`,
    `${controlPlane}/envoy => ${controlPlane}/envoy v${VERSIONS.goControlPlane}`,
    `${controlPlane}/contrib => ${controlPlane}/contrib v${VERSIONS.goControlPlaneContrib}`,
  ]);
}

export const GO_PROGRAMS = {
  etcd: {
    file: `etcd-${VERSIONS.etcd}`,
    package: 'go.etcd.io/etcd/server/v3',
    moduleFile: async () => moduleFile('1.24', `go.etcd.io/etcd/server/v3 v${VERSIONS.etcd}`),
  },
  'kube-apiserver': kubernetesProgram('kube-apiserver'),
  'kube-controller-manager': kubernetesProgram('kube-controller-manager'),
  kubectl: kubernetesProgram('kubectl'),
  kwok: {
    file: `kwok-${VERSIONS.kwok}`,
    package: 'sigs.k8s.io/kwok/cmd/kwok',
    moduleFile: async () => moduleFile('1.24', `sigs.k8s.io/kwok v${VERSIONS.kwok}`),
  },
  istiod: {
    file: `pilot-discovery-${VERSIONS.istio}`,
    package: 'istio.io/istio/pilot/cmd/pilot-discovery',
    moduleFile: async () => istioModule(),
  },
} as const satisfies Record<string, GoProgram>;
