/** How a server misbehaves; `ok` is the normal state. `slow` answers rightly, `SLOW_MS` late. */
export type OutageMode = 'ok' | 'refuse' | 'hang' | 'slow' | 'error500' | 'nonsense';

export const SLOW_MS = 3_000;

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
