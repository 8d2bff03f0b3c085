import type { ServerResponse } from 'node:http';
import { createOutlet, type Outlet } from './outlet.ts';

/** What one viewer still has to be sent; a slow one costs a set of names, and gets the newest state of each. */
export type Viewer<Due> = Omit<Outlet, 'isBlocked' | 'send'> & {
  /** Several calls with the same name before it is sent are one. */
  due(name: Due): void;
};

/** `textOf`: what is to be sent under a name when its turn comes; `undefined`: nothing. */
export const createViewer = <Due>(
  outgoing: ServerResponse,
  { textOf, onClose }: { readonly textOf: (name: Due) => string | Buffer | undefined; readonly onClose: () => void },
): Viewer<Due> => {
  const waiting = new Set<Due>();
  const pump = (): void => {
    for (const name of waiting) {
      if (outlet.isBlocked()) return;
      waiting.delete(name);
      const text = textOf(name);
      if (text !== undefined) outlet.send(text);
    }
  };
  const outlet = createOutlet(outgoing, { onReady: pump, onClose });
  return {
    ...outlet,
    due: name => {
      waiting.add(name);
      pump();
    },
  };
};
