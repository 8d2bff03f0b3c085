import type { ServerResponse } from 'node:http';
import type { Key } from '../../controller/ports.ts';
import { lineText } from '../lineText.ts';
import type { Newest } from '../newest.ts';
import type { Scope } from '../reading.ts';
import { eventText } from './outlet.ts';
import { createViewer, type Viewer } from './viewer.ts';

/** The list of Rollouts for all who look at it: each change is one text, whoever it is sent to. */
export type LiveList = {
  open(outgoing: ServerResponse, scope: Scope, onClose: () => void): ListViewer;
  changed(key: Key): void;
};

export type ListViewer = Pick<Viewer<string>, 'end' | 'endStuck' | 'keepAlive'> & {
  /** It may read something else from now on; nothing happens when that is what it may read already. */
  allow(scope: Scope): void;
};

/** Changes that come together are sent together. */
const GATHER_MS = 20;
const EVERYTHING = 'lines';

type Entry = { scope: Scope; readonly viewer: Viewer<string> };

export const createLiveList = (newest: Pick<Newest, 'keys' | 'get'>): LiveList => {
  const entries = new Set<Entry>();
  /** The line of each Rollout as it was sent last; empty while nobody looks. */
  const lines = new Map<Key, string>();
  const whole = new Map<string, Buffer>();
  const dirty = new Set<Key>();
  let timer: NodeJS.Timeout | undefined;

  const lineTextOf = (key: Key): string | undefined => {
    const rollout = newest.get(key);
    return rollout === undefined ? undefined : lineText(rollout);
  };

  const refresh = (key: Key): boolean => {
    const text = lineTextOf(key);
    if (text === lines.get(key)) return false;
    if (text === undefined) lines.delete(key);
    else lines.set(key, text);
    return true;
  };

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const changed = [...dirty].filter(refresh);
    dirty.clear();
    if (changed.length > 0) whole.clear();
    for (const key of changed) for (const { scope, viewer } of entries) if (isIn(scope, key)) viewer.due(key);
  };

  const wholeText = (scope: Scope): Buffer => {
    const name = scope.all ? '*' : [...scope.namespaces].sort().join();
    const known = whole.get(name);
    if (known !== undefined) return known;
    const items = [...lines].flatMap(([key, line]) => (isIn(scope, key) ? [line] : []));
    const text = Buffer.from(eventText('lines', `{"items":[${items.join()}]}`));
    whole.set(name, text);
    return text;
  };

  const textOf = (entry: Entry, name: string): string | Buffer => {
    if (name === EVERYTHING) return wholeText(entry.scope);
    const line = lines.get(name);
    return line === undefined ? eventText('gone', goneText(name)) : eventText('line', line);
  };

  const leave = (entry: Entry): void => {
    entries.delete(entry);
    if (entries.size > 0) return;
    clearTimeout(timer);
    timer = undefined;
    for (const kept of [lines, whole, dirty]) kept.clear();
  };

  return {
    open: (outgoing, scope, onClose) => {
      if (entries.size === 0) for (const key of newest.keys()) refresh(key);
      flush();
      const viewer = createViewer<string>(outgoing, {
        textOf: name => textOf(entry, name),
        onClose: () => {
          leave(entry);
          onClose();
        },
      });
      const entry: Entry = { scope, viewer };
      entries.add(entry);
      viewer.due(EVERYTHING);
      const { end, endStuck, keepAlive } = viewer;
      return {
        ...{ end, endStuck, keepAlive },
        allow: next => {
          if (isSameScope(entry.scope, next)) return;
          flush();
          entry.scope = next;
          viewer.due(EVERYTHING);
        },
      };
    },
    changed: key => {
      if (entries.size === 0) return;
      dirty.add(key);
      timer ??= setTimeout(flush, GATHER_MS);
    },
  };
};

const isIn = ({ all, namespaces }: Scope, key: Key): boolean => all || namespaces.has(key.slice(0, key.indexOf('/')));

const isSameScope = (one: Scope, other: Scope): boolean =>
  one.all === other.all &&
  one.namespaces.size === other.namespaces.size &&
  [...one.namespaces].every(namespace => other.namespaces.has(namespace));

const goneText = (key: Key): string => {
  const [namespace, name] = key.split('/');
  return JSON.stringify({ namespace, name });
};
