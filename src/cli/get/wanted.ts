import type { KubeObject } from '../../adapters/kubernetes/resources.ts';
import { toRollout } from '../../adapters/kubernetes/rollouts.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { readable } from '../../rollout/index.ts';
import type { CliIo } from '../io.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Choice } from './choice.ts';

export type Wanted = Choice & {
  /** Empty: all. */
  readonly names: readonly string[];
  readonly everywhere: boolean;
  readonly watch: boolean;
  readonly output?: 'wide' | 'json' | 'yaml' | 'name';
};

export type Place = { readonly io: CliIo; readonly terminal: Terminal };

/** Empty when the object is no Rollout at all. */
export const rolloutIn = (object: KubeObject): readonly StoredRollout[] => {
  const rollout = toRollout(object);
  return rollout === undefined ? [] : [readable(rollout)];
};

/** As kubectl prints it, so that it can be given to kubectl. */
export const nameLine = ({ name }: StoredRollout): string => `rollout.sluice.dev/${name}\n`;
