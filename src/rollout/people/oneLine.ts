/**
 * What people write gets into statuses, events, terminals and chats, several times each: one line without control
 * characters, at most so long.
 */
export const oneLine = (written: string, longest: number): string => {
  const plain = written
    .slice(0, 4 * longest)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
  return plain.length > longest ? `${plain.slice(0, longest - 3).replace(/\p{C}$/u, '')}...` : plain;
};

export const LONGEST_NAME = 100;
/** A reason, or a comment. */
export const LONGEST_REASON = 300;
