import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeRecord, type Rollout, type RolloutStatus, rolloutView } from '../../../src/rollout/index.ts';
import { play, stories } from '../../scenarios/files.ts';
import { lookAt } from './laws.ts';

/** Statuses that differ in numbers only are looked at once. */
const kindOf = ({ phase, reason, step, waitingFor, gates = [], history }: RolloutStatus): string => {
  const verdicts = [...new Set(gates.map(({ verdict }) => verdict))];
  return [phase, reason, step?.index, step?.count, waitingFor?.what, ...verdicts, history?.at(-1)?.action].join(' ');
};

describe('what people see', () => {
  it('R22, R36: of every status in every fifth scenario says what is so, and advises only what is taken', () => {
    const seen = new Set<string>();
    for (const story of stories().filter((_, index) => index % 5 === 0)) {
      play(story, {
        onDecision: (rollout: Rollout, _, { status }, nowMs) => {
          if (status === undefined || seen.has(kindOf(status))) return;
          seen.add(kindOf(status));
          lookAt(rollout, status, nowMs);
        },
      });
    }
    expect(seen.size).toBeGreaterThan(50);
  });

  it('R36, R37: of every status that older builds have recorded, too', () => {
    const folder = join(import.meta.dirname, '../../records');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.json.gz'));
    for (const file of files) {
      const decoded = decodeRecord(gunzipSync(readFileSync(join(folder, file))).toString('utf8'));
      if ('problem' in decoded) expect.unreachable(file);
      const { record } = decoded;
      lookAt(record.rollout, record.decision.status, Date.parse(record.at));
    }
    expect(files.length).toBeGreaterThan(30);
  });

  it('of a Rollout that nobody has looked at: what the spec wants', () => {
    const spec = { version: 'v2', strategy: { canary: { steps: [{ setWeight: 50, pause: {} }] } } };
    expect(rolloutView({ namespace: 'weather', name: 'forecast', spec }, 0)).toMatchObject({
      reason: 'WaitingForReport',
      attention: 'waits',
      steps: [
        { index: 1, weight: 50, mark: 'next', pause: 'until promoted' },
        { index: 2, name: 'bake', weight: 100, mark: 'next' },
      ],
      todo: [expect.stringMatching(/controller runs: kubectl /)],
    });
  });
});
