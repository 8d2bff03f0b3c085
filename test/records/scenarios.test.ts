import { describe, expect, it } from 'vitest';
import { decodeRecord, type EvidenceRecord, encodeRecord, recordOf, replay } from '../../src/rollout/index.ts';
import { play, stories } from '../scenarios/files.ts';

const reread = (record: EvidenceRecord): EvidenceRecord => {
  const read = decodeRecord(encodeRecord(record));
  if ('problem' in read) throw new Error(read.problem);
  return read.record;
};

describe('evidence of scenarios', () => {
  it.each(stories())('R37: $title: what is recorded comes out the same', story => {
    const differences: unknown[] = [];
    let isFirst = true;
    play(story, {
      onDecision: (rollout, observation, decision, nowMs) => {
        const recorded = recordOf({ controller: '', isDone: true, rollout, observation, decision, nowMs });
        if (recorded !== undefined || isFirst)
          differences.push(...replay(reread(recorded ?? bare({ rollout, observation, decision }, nowMs))));
        isFirst = false;
      },
    });
    expect(isFirst).toBe(false);
    expect(differences).toEqual([]);
  });
});

/** A decision that is worth no record, as if it were: each scenario has one at least. */
const bare = (decided: Pick<EvidenceRecord, 'rollout' | 'observation' | 'decision'>, nowMs: number): EvidenceRecord => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'EvidenceRecord',
  format: 1,
  controller: '',
  at: new Date(nowMs).toISOString(),
  action: 'started',
  ...decided,
});
