import { describe, expect, it } from 'vitest';
import { createReplayCommand } from '../../src/cli/replay.ts';
import { type EvidenceRecord, encodeRecord } from '../../src/rollout/index.ts';
import { recordsOf } from '../records/stories.ts';
import { recordedIo } from './recordedIo.ts';

const CLEAR = '\u001b[2J\u001b]0;owned\u0007\rdone\n';

const replayed = async (text: string) => {
  const { io, said } = recordedIo();
  await createReplayCommand(io, async () => Buffer.from(text)).parseAsync(['-'], { from: 'user' });
  return said;
};

describe('sluice replay of records that somebody else has written', () => {
  it('R37: says what they contain in plain lines: nothing in them reaches the terminal as a command', async () => {
    const [record] = recordsOf('promoted');
    if (record === undefined) expect.unreachable('a record');
    const foreign = {
      ...record,
      controller: CLEAR,
      rollout: { ...record.rollout, namespace: CLEAR, name: CLEAR },
      decision: { ...record.decision, status: Object.assign({}, record.decision.status, { [CLEAR]: CLEAR }) },
    } satisfies EvidenceRecord;
    const { code, out } = await replayed(encodeRecord(foreign));
    expect(code).toBe(1);
    expect(out).toContain('owned');
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(out.split('\n').filter(line => line.startsWith('done'))).toEqual([]);
  });

  it('R37: so do problems', async () => {
    const { code, err } = await replayed(
      JSON.stringify({ kind: 'ConfigMap', metadata: { namespace: CLEAR, name: CLEAR }, binaryData: { [`${CLEAR}.json`]: 5 } }),
    );
    expect(code).toBe(2);
    expect(err).toContain('owned');
    expect(err.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });
});
