/** How a server misbehaves; `ok` is the normal state. */
export type OutageMode = 'ok' | 'refuse' | 'hang' | 'error500' | 'nonsense';

/** Something that can be put out of order. */
export interface Switchable {
  mode(): OutageMode;
  setMode(mode: OutageMode): Promise<void>;
}

/** A part without a server of its own, such as istiod: others ask for its mode. */
export function createSwitch(): Switchable {
  let mode: OutageMode = 'ok';
  return {
    mode: () => mode,
    setMode: async next => {
      mode = next;
    },
  };
}
