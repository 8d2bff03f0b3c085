import { describe, expect, it } from 'vitest';
import { unfit } from './fitting.ts';

describe('the schema of the status', () => {
  it('R3: is open: what a later controller adds is neither refused nor dropped', () => {
    const later = { phase: 'Healthy', retire: { version: 'v1' }, step: { index: 1, later: { deep: [1] } }, later: { deep: [1] } };
    expect(unfit(later)).toEqual([]);
  });
});
