import type { KubeObject } from '../../adapters/kubernetes/resources.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { isoSeconds, type RolloutView, rolloutLine, rolloutView } from '../../rollout/index.ts';
import { type Format, formatted } from '../terminal/output.ts';
import { plain } from '../terminal/text.ts';
import { versionLabelOf } from './findPods.ts';
import type { Place } from './look.ts';
import { type PodsView, podsByVersion } from './pods.ts';
import { createScreen } from './screen.ts';
import { statusTree } from './tree.ts';

/** What is known at one moment. */
export type Seen = {
  readonly rollout: StoredRollout;
  readonly pods?: { readonly items: readonly KubeObject[] } | { readonly problem: string };
  readonly notice?: string;
};

export type Display = {
  show(seen: Seen): void;
  /** Something happened to the connection; where the tree shows it anyhow this says nothing. */
  noted(text: string): void;
  /** The last word. */
  say(text: string): void;
  end(): void;
};

/** A tree that is drawn anew on a terminal; else a line, or a document, for each change. */
export const createDisplay = (place: Place, output: Format | undefined): Display => {
  if (output !== undefined) return createDocuments(place, output);
  return place.terminal.isLive ? createLiveTree(place) : createLines(place);
};

const podsOf = ({ pods, rollout }: Seen, { versions }: RolloutView): PodsView | undefined => {
  if (pods === undefined || 'problem' in pods) return pods;
  return { versions: podsByVersion(pods.items, versions, versionLabelOf(rollout)) };
};

const SECOND_MS = 1_000;

const createLiveTree = ({ io, terminal }: Place): Display => {
  const screen = createScreen(terminal, io.out);
  let latest: Seen | undefined;
  const draw = (): void => {
    if (latest === undefined) return;
    const nowMs = Date.now();
    const view = rolloutView(latest.rollout, nowMs);
    const pods = podsOf(latest, view);
    const { notice } = latest;
    const shown = { view, nowMs, ...(pods === undefined ? {} : { pods }), ...(notice === undefined ? {} : { notice }) };
    screen.draw(statusTree(shown, { width: terminal.columns(), isAscii: terminal.isAscii }));
  };
  const timer = setInterval(draw, SECOND_MS);
  const forget = terminal.onResize(draw);
  return {
    show: seen => {
      latest = seen;
      draw();
    },
    noted: () => {},
    say: text => {
      latest = latest && { ...latest, notice: text };
      draw();
    },
    end: () => {
      clearInterval(timer);
      forget();
      screen.end();
    },
  };
};

/** For logs of a pipeline: a line when phase, step, weight or sentence are others. */
const createLines = ({ io }: Place): Display => {
  let last = '';
  return {
    show: ({ rollout }) => {
      const { phase, version = '', step = '', weight = '', message } = rolloutLine(rollout);
      const text = [phase, version, step && `step ${step}`, weight, message].filter(Boolean).map(plain).join('  ');
      if (text !== last) io.out(`${isoSeconds(Date.now())}  ${text}\n`);
      last = text;
    },
    noted: text => io.err(`${text}\n`),
    say: text => io.err(`${text}\n`),
    end: () => {},
  };
};

const createDocuments = ({ io }: Place, output: Format): Display => {
  let last = '';
  return {
    show: seen => {
      const view = rolloutView(seen.rollout, Date.now());
      const pods = podsOf(seen, view);
      const document = { ...view, ...(pods === undefined ? {} : { pods }) };
      const text = JSON.stringify(document);
      if (text === last) return;
      last = text;
      if (output === 'json') io.out(`${text}\n`);
      else void formatted(document, 'yaml').then(yaml => io.out(`---\n${yaml}`));
    },
    noted: text => io.err(`${text}\n`),
    say: text => io.err(`${text}\n`),
    end: () => {},
  };
};
