import { setTimeout as delay } from 'node:timers/promises';
import { type Decision, encodeRecord, type Observation, recordedSeqOf, recordOf } from '../rollout/index.ts';
import { type Evidence, type EvidenceStore, type Logger, type StoredRollout, SystemError } from './ports.ts';

/** So many times longer is the longest wait after a refusal. */
const REFUSED_LONGER = 10;

/** What became of one try to write a record. */
export type EvidenceOutcome = 'written' | 'failed' | 'lost';

export type EvidenceKeeperOptions = {
  readonly stores: readonly EvidenceStore[];
  /** Version of this controller, for the records. */
  readonly version: string;
  /** SHA-256 of a text, in hex. */
  readonly digest: (text: string) => string;
  readonly logger: Logger;
  readonly onOutcome: (store: string, outcome: EvidenceOutcome) => void;
  /** Records that may wait for one store; for one more an early one of the Rollout with the most is lost. */
  readonly capacity?: number;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
};

/** What a round has decided, and from what. */
type DecidedRound = {
  readonly observation: Observation;
  readonly decision: Decision;
  readonly nowMs: number;
  /** The decision's actions were carried out. */
  readonly isDone: boolean;
};

/** Keeps the evidence of decisions, without making anybody wait for it (R37). */
export type EvidenceKeeper = {
  /** The record of a decision, if it is worth one; nothing is written before `keep` is called. Never throws. */
  prepare(rollout: StoredRollout, round: DecidedRound): PreparedEvidence | undefined;
  /** Waits until everything is written, at most so long; nothing is written afterwards. */
  drain(timeoutMs: number): Promise<void>;
};

export type PreparedEvidence = {
  readonly digest: string;
  /** Sends the record off; a second call does nothing. */
  keep(): void;
};

export const createEvidenceKeeper = (options: EvidenceKeeperOptions): EvidenceKeeper => {
  const { digest, version, logger } = options;
  const queues = options.stores.map(store => new EvidenceQueue(store, options));
  const recorded = createRecorded();

  const toEvidence = (rollout: StoredRollout, round: DecidedRound): Evidence | undefined => {
    const record = recordOf({ controller: version, rollout, recordedSeq: recorded.get(rollout.uid), ...round });
    if (record === undefined) return undefined;
    const text = encodeRecord(record);
    const { namespace, name, uid } = rollout;
    return {
      rollout: { namespace, name, uid },
      attempt: round.decision.status.attempt ?? 0,
      name: `${record.at.replace(/[-:.]/g, '')}-${record.action}`,
      digest: digest(text),
      text,
    };
  };

  return {
    prepare: (rollout, round) => {
      if (queues.length === 0) return undefined;
      try {
        const evidence = toEvidence(rollout, round);
        if (evidence === undefined) return undefined;
        let isKept = false;
        const keep = (): void => {
          if (isKept) return;
          isKept = true;
          for (const queue of queues) queue.add(evidence);
          if (round.isDone) recorded.add(rollout.uid, recordedSeqOf(round.decision));
        };
        return { digest: evidence.digest, keep };
      } catch (error) {
        // What cannot be recorded must not hold back what protects.
        logger.error({ rollout: `${rollout.namespace}/${rollout.name}`, err: error }, 'evidence cannot be recorded');
        for (const { name } of options.stores) options.onOutcome(name, 'lost');
        return undefined;
      }
    },
    drain: async timeoutMs => {
      await Promise.all(queues.map(queue => queue.drain(timeoutMs)));
    },
  };
};

/** More Rollouts than ever are in progress at once. */
const MOST_RECORDED = 5_000;

/** The last write of each Rollout, by uid, of which this process has kept a record. */
const createRecorded = () => {
  const seqs = new Map<string, number>();
  return {
    get: (uid: string): number | undefined => seqs.get(uid),
    add: (uid: string, seq: number | undefined): void => {
      if (seq === undefined) return;
      seqs.delete(uid);
      seqs.set(uid, seq);
      const [oldest] = seqs.keys();
      if (seqs.size > MOST_RECORDED && oldest !== undefined) seqs.delete(oldest);
    },
  };
};

/** The records of one Rollout that wait, oldest first. */
type Lane = { readonly waiting: Evidence[]; readonly done: Promise<void> };

/** One store: a lane for each Rollout, so that a namespace that refuses its records holds up no other. */
class EvidenceQueue {
  readonly #store: EvidenceStore;
  readonly #options: EvidenceKeeperOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #ending = new AbortController();

  constructor(store: EvidenceStore, options: EvidenceKeeperOptions) {
    this.#store = store;
    this.#options = options;
  }

  add(evidence: Evidence): void {
    if (this.#ending.signal.aborted) {
      this.#lose(evidence, 'the controller is stopping');
      return;
    }
    const key = `${evidence.rollout.namespace}/${evidence.rollout.name}`;
    const lane = this.#lanes.get(key);
    if (lane !== undefined) lane.waiting.push(evidence);
    else this.#open(key, evidence);
    this.#makeRoom();
  }

  async drain(timeoutMs: number): Promise<void> {
    const lanes = [...this.#lanes.values()];
    const timeout = new AbortController();
    // A store that hangs may not heed its signal.
    await Promise.race([Promise.all(lanes.map(({ done }) => done)), pause(timeoutMs, timeout.signal)]);
    timeout.abort();
    this.#ending.abort();
    for (const { waiting } of lanes) for (const left of waiting.splice(0)) this.#lose(left, 'the controller is stopping');
  }

  #open(key: string, evidence: Evidence): void {
    const waiting = [evidence];
    // The first write begins in a later turn: whoever hands a record over goes on at once.
    const done = Promise.resolve().then(() => this.#work(key, waiting));
    this.#lanes.set(key, { waiting, done });
  }

  async #work(key: string, waiting: Evidence[]): Promise<void> {
    const { firstDelayMs = 500, longestDelayMs = 30_000 } = this.#options;
    const { signal } = this.#ending;
    let failures = 0;
    for (let next = waiting[0]; next !== undefined && !signal.aborted; next = waiting[0]) {
      const failure = await this.#write(next, failures === 0);
      if (failure === undefined && waiting[0] === next) waiting.shift();
      failures = failure === undefined ? 0 : failures + 1;
      // A right that is missing comes back when somebody grants it; asking for it often is of no use.
      const longestMs = failure === 'refused' ? longestDelayMs * REFUSED_LONGER : longestDelayMs;
      if (failures > 0) await pause(Math.min(longestMs, firstDelayMs * 2 ** Math.min(failures - 1, 20)), signal);
    }
    this.#lanes.delete(key);
  }

  /** Nothing when the record is done with, else why it is not. Failures in a row are logged once. */
  async #write(evidence: Evidence, isFirstTry: boolean): Promise<'refused' | 'failed' | undefined> {
    const { signal } = this.#ending;
    const { onOutcome, logger } = this.#options;
    try {
      const outcome = await this.#store.write(evidence, signal);
      if (outcome === 'written') onOutcome(this.#store.name, 'written');
      else this.#lose(evidence, outcome.lost);
      return undefined;
    } catch (error) {
      onOutcome(this.#store.name, 'failed');
      if (isFirstTry)
        logger.warn({ ...this.#fields(evidence), reason: reasonOf(error) }, 'evidence cannot be stored; trying again');
      return error instanceof SystemError && error.kind === 'refused' ? 'refused' : 'failed';
    }
  }

  #makeRoom(): void {
    const lanes = [...this.#lanes.values()].map(({ waiting }) => waiting);
    const count = lanes.reduce((sum, { length }) => sum + length, 0);
    if (count <= (this.#options.capacity ?? 1_000)) return;
    // The first of each lane is on its way.
    const [longest] = lanes.sort((a, b) => b.length - a.length);
    const [dropped] = longest !== undefined && longest.length > 1 ? longest.splice(1, 1) : [];
    if (dropped !== undefined) this.#lose(dropped, 'too many records wait to be stored');
  }

  #lose(evidence: Evidence, reason: string): void {
    this.#options.onOutcome(this.#store.name, 'lost');
    this.#options.logger.warn({ ...this.#fields(evidence), reason }, 'evidence is lost');
  }

  #fields({ rollout, name }: Evidence): object {
    return { rollout: `${rollout.namespace}/${rollout.name}`, record: name, store: this.#store.name };
  }
}

const pause = async (delayMs: number, signal: AbortSignal): Promise<void> => {
  try {
    await delay(delayMs, undefined, { signal });
  } catch {
    // Ended early: the loop sees it.
  }
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
