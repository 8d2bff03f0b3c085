import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/config/yaml/nearest.ts';

describe('the name that was meant', () => {
  const names = ['setWeight', 'setHeaderRoute', 'pause', 'gates', 'name'];
  it.each([
    ['setWieght', 'setWeight'],
    ['setweight', 'setWeight'],
    ['puase', 'pause'],
    ['nam', 'name'],
    ['gate', 'gates'],
    ['setHeaderRoutes', 'setHeaderRoute'],
  ])('%s: %s', (written, meant) => {
    expect(nearest(written, names)).toBe(meant);
  });

  it.each(['colour', 'x', 'weight', ''])('%j: nothing that is near', written => {
    expect(nearest(written, names)).toBeUndefined();
  });
});
