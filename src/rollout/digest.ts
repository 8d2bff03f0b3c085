/**
 * Eight hex digits that name a text (FNV-1a, 32 bit). For names and comparisons between a few values of one rollout;
 * it protects against nothing.
 */
export const digest = (text: string): string => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
};
