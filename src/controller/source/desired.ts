import type { Key } from '../ports.ts';
import type { GitContent, LocatedManifest, PlacedRollout, RolloutManifest, RolloutParser } from '../source-ports.ts';

/** What keeps a file or a Rollout of a source from being applied, for people. */
export type SourceProblem = {
  /** `badFile`: it cannot be read or holds an error. `refused`: it may not be applied. `notWritten`: it will be tried again. */
  readonly kind: 'badFile' | 'refused' | 'notWritten';
  readonly file: string;
  /** 1-based, where known. */
  readonly line?: number;
  readonly column?: number;
  readonly rollout?: Key;
  readonly message: string;
};

export type DesiredRollout = {
  readonly key: Key;
  readonly path: string;
  readonly manifest: PlacedRollout;
  /** Equal when Git says the same, whatever the commit. */
  readonly digest: string;
};

/** One commit, parsed as a whole (R32). */
export type DesiredState = {
  readonly oid: string;
  readonly revision: string;
  readonly rollouts: ReadonlyMap<Key, DesiredRollout>;
  readonly problems: readonly SourceProblem[];
  /** Keys that files with problems and refused Rollouts claim, and the files themselves: nothing of theirs has vanished. */
  readonly heldKeys: ReadonlySet<Key>;
  readonly heldFiles: ReadonlySet<string>;
  /** Whether all that the commit defines is known by name: then what is not among it has gone from Git. */
  readonly isWhole: boolean;
};

type Found = { readonly file: string; readonly good: boolean; readonly manifest: LocatedManifest };

/** A request is a one-time message to the controller; kept in Git it would come back for ever. */
const REQUEST_ANNOTATION = 'sluice.dev/request';

/** Parses all files of a commit first, and only then says what is to be applied; `namespaces` may be `['*']`. */
export function desiredState(content: GitContent, parser: RolloutParser, namespaces: readonly string[]): DesiredState {
  const problems: SourceProblem[] = content.problems.map(problem => ({ kind: 'badFile', ...problem }));
  const found: Found[] = [];
  for (const { path: file, text } of content.files) {
    const parsed = parse(parser, text, file);
    problems.push(...parsed.problems);
    const good = parsed.problems.length === 0;
    found.push(...parsed.rollouts.map(manifest => ({ file, good, manifest })));
  }

  const rollouts = new Map<Key, DesiredRollout>();
  const filesByKey = filesOf(found);
  for (const each of found.filter(({ good }) => good)) {
    const { namespace } = each.manifest.metadata;
    const key = keyOf(each.manifest.metadata);
    const reason = refusal(each.manifest, namespaces, filesByKey);
    if (reason !== undefined) problems.push(refusedAt(each, key, reason));
    else if (namespace !== undefined) rollouts.set(key, desired(each, key, namespace));
  }
  return {
    oid: content.oid,
    revision: content.revision,
    rollouts,
    problems,
    heldKeys: new Set(filesByKey.keys()),
    heldFiles: new Set(problems.map(({ file }) => file)),
    isWhole: !problems.some(({ kind }) => kind === 'badFile') && found.every(hasNamespace),
  };
}

function parse(parser: RolloutParser, text: string, file: string) {
  try {
    const { rollouts, problems } = parser(text, file);
    const bad = problems.map(({ line, column, path, message, suggestion }): SourceProblem => {
      const where = path === '' ? '' : `${path}: `;
      return {
        kind: 'badFile',
        file,
        line,
        column,
        message: `${where}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`,
      };
    });
    return { rollouts, problems: bad };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { rollouts: [], problems: [{ kind: 'badFile', file, line: 1, column: 1, message } satisfies SourceProblem] };
  }
}

/** Files with an error count too: when it is mended there, the Rollout must not jump from one definition to the other. */
function filesOf(found: readonly Found[]): Map<Key, string[]> {
  const files = new Map<Key, string[]>();
  for (const { file, manifest } of found) {
    const key = keyOf(manifest.metadata);
    files.set(key, [...(files.get(key) ?? []), file]);
  }
  return files;
}

function refusal(
  { metadata }: RolloutManifest,
  namespaces: readonly string[],
  filesByKey: ReadonlyMap<Key, readonly string[]>,
): string | undefined {
  const { namespace } = metadata;
  if (namespace === undefined) return 'metadata.namespace is missing';
  if (!namespaces.includes('*') && !namespaces.includes(namespace)) {
    return `the source may not write to namespace ${namespace}; it may write to ${namespaces.join(', ')}`;
  }
  const files = filesByKey.get(keyOf(metadata)) ?? [];
  if (files.length > 1) return `it is defined ${files.length} times, in ${[...new Set(files)].join(', ')}; keep one`;
  if (metadata.annotations?.[REQUEST_ANNOTATION] === undefined) return undefined;
  return `annotation ${REQUEST_ANNOTATION} is a one-time request and cannot be kept in Git; remove it`;
}

function hasNamespace({ manifest }: Found): boolean {
  return manifest.metadata.namespace !== undefined;
}

function keyOf({ namespace, name }: RolloutManifest['metadata']): Key {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function refusedAt({ file, manifest: { line, column } }: Found, rollout: Key, message: string): SourceProblem {
  const place = line === undefined || column === undefined ? {} : { line, column };
  return { kind: 'refused', file, ...place, rollout, message };
}

/** Field by field: what else the parser knows, such as lines, changes without a change of the Rollout. */
function desired({ file, manifest }: Found, key: Key, namespace: string): DesiredRollout {
  const { apiVersion, kind, metadata, spec } = manifest;
  const placed: PlacedRollout = { apiVersion, kind, metadata: { ...metadata, namespace }, spec };
  return { key, path: file, manifest: placed, digest: JSON.stringify([file, placed]) };
}
