import { SystemError } from '../../controller/ports.ts';
import type { Authors, GitHistory, GitPlace } from '../../controller/source-ports.ts';
import { type Answer, findAuthors, type Question } from './history.ts';
import { type Objects, openObjects } from './objects.ts';

/** Where the history of a commit is, and how more of it comes there. */
export type HistorySource = {
  /** The folder with the objects. Throws when there is none. */
  open(): Promise<string>;
  /** Fetches older commits. Throws SystemError `unavailable` when that may work in a moment. Absent: what is there is all. */
  more?(question: Question, signal: AbortSignal): Promise<More>;
};

/** `all`: there is nothing more that it would fetch. */
export type More = 'more' | 'all' | { readonly failed: string };

/** The history of one commit, with what was read of it in memory. */
export function openHistory(tip: string, { open, more }: HistorySource): GitHistory {
  let objects: Promise<Objects> | undefined;

  const look = async (question: Question, signal: AbortSignal): Promise<Answer> => {
    objects ??= open().then(openObjects);
    return await findAuthors(await objects, question, signal);
  };

  const lookDeeper = async (question: Question, signal: AbortSignal): Promise<Authors> => {
    let answer = await look(question, signal);
    while (answer.wantsMore && more !== undefined) {
      const outcome = await more(question, signal);
      if (outcome === 'all') break;
      if (outcome !== 'more') return { ...answer.authors, missing: outcome.failed };
      objects = undefined;
      answer = await look(question, signal);
    }
    return answer.authors;
  };

  /** Git may pack the objects of a repository on this machine while they are read: then they are there at the second look. */
  const lookTwice = async (question: Question, signal: AbortSignal): Promise<Authors> => {
    try {
      return await lookDeeper(question, signal);
    } catch (error) {
      if (error instanceof SystemError || signal.aborted) throw error;
      objects = undefined;
      return await lookDeeper(question, signal);
    }
  };

  return {
    authorsOf: async (file, before, signal) => {
      const place = before === undefined ? undefined : { oid: oidOf(before), path: before.path };
      try {
        return await lookTwice({ tip, file, before: place }, signal);
      } catch (error) {
        signal.throwIfAborted();
        objects = undefined;
        if (error instanceof SystemError && error.kind === 'unavailable') throw error;
        return { people: [], missing: error instanceof SystemError ? error.message : 'the history is incomplete or damaged' };
      }
    },
  };
}

/** `undefined`: the revision is not one that this program has written. */
function oidOf({ revision }: GitPlace): string | undefined {
  return /@sha1:([0-9a-f]{40})$/.exec(revision)?.[1];
}
