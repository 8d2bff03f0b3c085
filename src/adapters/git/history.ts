import type { Authors } from '../../controller/source-ports.ts';
import type { Commit, Objects } from './objects.ts';
import { namesOf, peopleOf } from './people.ts';
import { type Range, rangeOf } from './range.ts';

export type Question = {
  /** The commit that is applied, and the file in it. */
  readonly tip: string;
  readonly file: string;
  /** The commit that was applied last, if that is known, and where the file was then. */
  readonly before?: { readonly oid: string | undefined; readonly path: string } | undefined;
};

export type Answer = {
  readonly authors: Authors;
  /** Whether older commits, which this clone does not have, may change the answer. */
  readonly wantsMore: boolean;
};

/** So many commits are looked at before the rest counts as unknown. */
const MOST_COMMITS = 5_000;
/** What was applied from a history that is gone has no beginning: the last authors are those that matter. */
const MOST_WITHOUT_BEGINNING = 2_000;
/** Less of what was never applied: there are many files at the first look at a repository. */
const MOST_OF_NEW = 200;
/** More files than this are not followed when one file comes out of others. */
const MOST_FILES = 200;

/**
 * Who wrote the commits that changed a file since it was applied last (R19), as far as the repository on disk tells. A commit
 * changes a file that differs from what all of its parents have, so a merge that takes one side as it stands has no author.
 * A file that comes out of others, by being moved or split, takes their history with it.
 */
export async function findAuthors(objects: Objects, question: Question, signal: AbortSignal): Promise<Answer> {
  const { before, tip, file } = question;
  const last = before?.oid === undefined ? undefined : await objects.commit(before.oid);
  if (last === undefined || before === undefined) return await authorsEver(objects, question, signal);
  const range = await rangeOf(objects, { tip, without: last.oid, limit: MOST_COMMITS, signal });
  const changes = await changesOf(objects, range.commits, [file, before.path]);
  if (changes.commits.length > 0 || range.isCut || !(await differs(objects, question, last))) {
    return answer(changes.commits, range, changes.isCut ? 'the file was made of more files than can be followed' : undefined);
  }
  // No commit says so, but the file is another one: a merge that went back, or the branch itself was put back.
  const choices = await choicesOf(objects, range.commits, file);
  return choices.length > 0 ? answer(choices, range) : await authorsEver(objects, question, signal);
}

/** All who changed the file, back to where it was made, as far as is known. */
async function authorsEver(objects: Objects, { tip, file, before }: Question, signal: AbortSignal): Promise<Answer> {
  const isEnd = async ({ tree }: Commit) => (await objects.entry(tree, file)) === undefined;
  const range = await rangeOf(objects, {
    tip,
    isEnd,
    limit: before === undefined ? MOST_OF_NEW : MOST_WITHOUT_BEGINNING,
    signal,
  });
  const { commits } = await changesOf(objects, range.commits, [file], { isFollowed: false });
  const { wantsMore } = range;
  if (commits.length === 0)
    return answer(commits, { isCut: false, wantsMore }, 'no commit that is known here has changed the file');
  return answer(commits, { isCut: wantsMore && before !== undefined, wantsMore });
}

function answer(commits: readonly Commit[], { isCut, wantsMore }: Omit<Range, 'commits'>, reason?: string): Answer {
  const { names, isCut: isLong } = namesOf(commits.flatMap(({ content }) => peopleOf(content)));
  const missing = isCut
    ? 'the history that is known here does not reach back to the commit that was applied last'
    : isLong
      ? 'more people have changed the file than are kept'
      : reason;
  return { authors: { people: names, ...(missing === undefined ? {} : { missing }) }, wantsMore };
}

async function differs(objects: Objects, { tip, file, before }: Question, last: Commit): Promise<boolean> {
  const now = await objects.commit(tip);
  if (now === undefined) return true;
  return (await objects.entry(now.tree, file)) !== (await objects.entry(last.tree, before?.path ?? file));
}

type Changes = { readonly commits: readonly Commit[]; readonly isCut: boolean };

/** The commits that changed one of the files; the newest commit has to come first, so that files are followed to their origin. */
async function changesOf(
  objects: Objects,
  commits: readonly Commit[],
  files: readonly string[],
  { isFollowed = true } = {},
): Promise<Changes> {
  const followed = new Set(files);
  const changed: Commit[] = [];
  for (const commit of commits) {
    const parents = await parentTrees(objects, commit);
    if (parents === undefined || parents.includes(commit.tree)) continue;
    let isChanged = false;
    for (const file of [...followed]) {
      const now = await objects.entry(commit.tree, file);
      const earlier = await Promise.all(parents.map(tree => objects.entry(tree, file)));
      if (earlier.includes(now) || (now === undefined && (parents.length === 0 || !isFollowed))) continue;
      isChanged = true;
      if (!isFollowed || now === undefined || earlier.some(entry => entry !== undefined)) continue;
      for (const tree of parents) await addYamlChanges(objects, { before: tree, after: commit.tree, prefix: '' }, followed);
    }
    if (isChanged) changed.push(commit);
  }
  return { commits: changed, isCut: followed.size > MOST_FILES };
}

/** Merges that took one side of the file, whatever the other side had. */
async function choicesOf(objects: Objects, commits: readonly Commit[], file: string): Promise<readonly Commit[]> {
  const chosen: Commit[] = [];
  for (const commit of commits) {
    const parents = (await parentTrees(objects, commit)) ?? [];
    const now = await objects.entry(commit.tree, file);
    const earlier = await Promise.all(parents.map(tree => objects.entry(tree, file)));
    if (earlier.some(entry => entry !== now)) chosen.push(commit);
  }
  return chosen;
}

/** `undefined`: not all of them are here. */
async function parentTrees(objects: Objects, { parents }: Commit): Promise<readonly string[] | undefined> {
  const commits = await Promise.all((parents ?? []).map(oid => objects.commit(oid)));
  const trees = commits.flatMap(commit => commit?.tree ?? []);
  return parents === undefined || trees.length < parents.length ? undefined : trees;
}

type Difference = { readonly before: string; readonly after: string | undefined; readonly prefix: string };

/** Adds the YAML files that stood in one tree and are changed or gone in another one. */
async function addYamlChanges(objects: Objects, { before, after, prefix }: Difference, files: Set<string>): Promise<void> {
  const now = after === undefined ? undefined : await objects.folder(after);
  for (const [name, { oid, isFolder }] of await objects.folder(before)) {
    if (files.size > MOST_FILES) return;
    const next = now?.get(name);
    if (next?.oid === oid) continue;
    const path = `${prefix}${name}`;
    if (isFolder) {
      const onward = next?.isFolder === true ? next.oid : undefined;
      await addYamlChanges(objects, { before: oid, after: onward, prefix: `${path}/` }, files);
    } else if (/\.ya?ml$/i.test(name)) files.add(path);
  }
}
