/**
 * The function, asked once for each object: what was worked out is kept as long as the object is. Only for pure functions
 * of values that never change, where the answer is the same anyway.
 */
export const remembered = <K extends object, V>(workOut: (key: K) => V): ((key: K) => V) => {
  const known = new WeakMap<K, { readonly value: V }>();
  return key => {
    const before = known.get(key);
    if (before !== undefined) return before.value;
    const value = workOut(key);
    known.set(key, { value });
    return value;
  };
};
