import { type KubeObject, PODS, ROLLOUTS } from '../../adapters/kubernetes/resources.ts';
import { toRollout } from '../../adapters/kubernetes/rollouts.ts';
import type { StoredRollout } from '../../controller/ports.ts';
import { durationText, isoSeconds, readable } from '../../rollout/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { findRollout } from '../cluster/findRollout.ts';
import { follow } from '../cluster/follow.ts';
import { EXIT } from '../io.ts';
import { plain } from '../terminal/text.ts';
import { createDisplay, type Seen } from './display.ts';
import { endingOf } from './ending.ts';
import { createServiceReader, findPods, problemOf, type ServiceReader } from './findPods.ts';
import { type Asked, lookAt, type Place } from './look.ts';

/** As a shell tells of a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * Shows a Rollout until it has ended, and answers the exit code: Healthy, or RolledBack, Invalid and deleted, or timed out.
 * An API server that goes away meanwhile is waited for. Throws SystemError when the Rollout cannot be read at first.
 */
export const watchStatus = async (place: Place, cluster: Cluster, asked: Asked): Promise<number> => {
  const readService = createServiceReader(cluster.client, cluster.namespace, asked.name);
  const rollout = readable((await findRollout(cluster, asked.name)).rollout);
  // it has ended before: there is nothing to draw anew
  if (place.terminal.isLive && asked.output === undefined && endingOf(rollout) !== undefined)
    return lookAt(place, cluster, asked);
  const display = createDisplay(place, asked.output);
  const watched = new Watched(place, cluster, display, rollout);
  try {
    return await watched.untilEnd(asked, readService);
  } finally {
    await watched.stop();
    display.end();
  }
};

type Display = ReturnType<typeof createDisplay>;

class Watched {
  readonly #place: Place;
  readonly #cluster: Cluster;
  readonly #display: Display;
  readonly #closers: (() => unknown)[] = [];
  #rollout: StoredRollout;
  #pods: Map<string, KubeObject> | { readonly problem: string } | undefined;
  #notice: string | undefined;
  #seenAtMs = Date.now();
  #end: (code: number) => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(place: Place, cluster: Cluster, display: Display, rollout: StoredRollout) {
    this.#place = place;
    this.#cluster = cluster;
    this.#display = display;
    this.#rollout = rollout;
  }

  untilEnd({ timeoutMs }: Asked, readService: ServiceReader): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
      this.#show();
      if (timeoutMs !== undefined) this.#giveUpAfter(timeoutMs);
      this.#closers.push(this.#place.terminal.onInterrupt(() => resolve(INTERRUPTED)));
      if (this.#ended()) return;
      this.#followRollout();
      this.#followPods(readService).catch(reject);
    });
  }

  async stop(): Promise<void> {
    this.#end = this.#fail = () => {};
    for (const close of this.#closers.splice(0)) await close();
  }

  #giveUpAfter(timeoutMs: number): void {
    const { namespace, name } = this.#rollout;
    const timer = setTimeout(() => {
      this.#display.say(`rollouts ${namespace}/${name} has not ended within ${durationText(timeoutMs)}`);
      this.#end(EXIT.timedOut);
    }, timeoutMs);
    this.#closers.push(() => clearTimeout(timer));
  }

  #show(): void {
    const pods = this.#pods instanceof Map ? { items: [...this.#pods.values()] } : this.#pods;
    const seen: Seen = {
      rollout: this.#rollout,
      ...(pods === undefined ? {} : { pods }),
      ...(this.#notice === undefined ? {} : { notice: this.#notice }),
    };
    this.#display.show(seen);
  }

  #ended(): boolean {
    const code = endingOf(this.#rollout);
    if (code !== undefined) this.#end(code);
    return code !== undefined;
  }

  #saw(object: KubeObject): void {
    const rollout = toRollout(object);
    if (rollout === undefined) return;
    this.#rollout = readable(rollout);
    this.#seenAtMs = Date.now();
    this.#show();
    this.#ended();
  }

  #wasDeleted(): void {
    const { namespace, name } = this.#rollout;
    this.#display.say(`rollouts ${namespace}/${name} was deleted`);
    this.#end(EXIT.no);
  }

  #followRollout(): void {
    const { namespace, name } = this.#rollout;
    const scope = { resource: ROLLOUTS, namespace, fieldSelector: `metadata.name=${name}` };
    const following = follow(this.#cluster.client, scope, {
      replace: ([object]) => (object === undefined ? this.#wasDeleted() : this.#saw(object)),
      set: object => this.#saw(object),
      delete: () => this.#wasDeleted(),
      away: reason => {
        this.#notice = `${plain(reason)}; trying again. What is shown is from ${isoSeconds(this.#seenAtMs)}`;
        this.#display.noted(this.#notice);
        this.#show();
      },
      back: () => {
        this.#notice = undefined;
        this.#display.noted('the API server answers again');
        this.#show();
      },
      refused: error => this.#fail(error),
    });
    this.#closers.push(() => following.stop());
  }

  async #followPods(readService: ServiceReader): Promise<void> {
    const where = await findPods(this.#rollout, readService);
    if ('problem' in where) {
      this.#pods = where;
      return this.#show();
    }
    const pods = new Map<string, KubeObject>();
    const changed = (): void => {
      this.#pods = pods;
      this.#show();
    };
    const put = (pod: KubeObject): void => void pods.set(pod.metadata.name ?? '', pod);
    const following = follow(
      this.#cluster.client,
      { resource: PODS, ...where },
      {
        replace: objects => {
          pods.clear();
          for (const pod of objects) put(pod);
          changed();
        },
        set: pod => {
          put(pod);
          changed();
        },
        delete: pod => {
          pods.delete(pod.metadata.name ?? '');
          changed();
        },
        away: () => {},
        back: () => {},
        refused: error => {
          this.#pods = { problem: problemOf(error, `pods in ${where.namespace}`) };
          this.#show();
          void following.stop();
        },
      },
    );
    this.#closers.push(() => following.stop());
  }
}
