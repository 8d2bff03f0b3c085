import { type ParsedRollout, parseRollouts } from '../../adapters/spec/parse.ts';
import type { Installation } from '../../rollout/index.ts';
import { changesOf } from './changes.ts';
import type { Compared } from './compared.ts';
import { type FileThen, readFromGit } from './git.ts';

/** The file beside itself as it was in Git. Throws SystemError when it cannot be read there. */
export const lookIntoGit = async (
  file: string,
  ref: string | undefined,
  { rollout, installation }: { readonly rollout: ParsedRollout; readonly installation: Installation },
): Promise<Compared> => {
  const then = await readFromGit(file, ref);
  const { before, note } = rolloutThen(then, file, rollout);
  const changes = before === undefined ? [] : changesOf(before.spec, rollout.spec, installation);
  const text = sentenceOf(before, rollout, changes);
  return {
    with: `Git, ${then.from}`,
    ...(note === undefined ? { outlook: { kind: text.kind, text: text.text } } : {}),
    changes,
    findings: [],
    moved: [],
    notes: note === undefined ? [] : [note],
  };
};

type Before = { readonly before?: ParsedRollout; readonly note?: string };

/** The one of the same name; a file may have had more then. */
const rolloutThen = ({ text }: FileThen, file: string, { metadata }: ParsedRollout): Before => {
  if (text === undefined) return {};
  const { rollouts, problems } = parseRollouts(text, file);
  const before = rollouts.find(({ metadata: { name } }) => name === metadata.name);
  if (before !== undefined) return { before };
  const [problem] = problems;
  if (problem === undefined) return {};
  return { note: `the file as it was has a mistake, so what changes is not known: line ${problem.line}: ${problem.message}` };
};

const sentenceOf = (before: ParsedRollout | undefined, { metadata, spec }: ParsedRollout, changes: readonly string[]) => {
  const { version } = spec;
  if (before === undefined) return { kind: 'starts', text: `the Rollout ${metadata.name} is new` } as const;
  if (before.spec.version !== version)
    return { kind: 'starts', text: `${version} is to replace ${before.spec.version}` } as const;
  if (changes.length === 0) return { kind: 'stays', text: 'nothing changes' } as const;
  const text = `the version stays ${version}: an attempt in progress goes on with what changes, else it holds for the next version`;
  return { kind: 'changes', text } as const;
};
