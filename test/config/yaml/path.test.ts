import { describe, expect, it } from 'vitest';
import { formatPath, parsePath } from '../../../src/config/yaml/path.ts';

describe('a path', () => {
  it.each([
    [['spec', 'strategy', 'canary', 'steps', 0, 'setWeight'], 'spec.strategy.canary.steps[0].setWeight'],
    [['metadata', 'labels', 'app.kubernetes.io/name'], 'metadata.labels["app.kubernetes.io/name"]'],
    [[1, 'a', 2, 'b-c'], '[1].a[2].b-c'],
    [['with "quotes" and [1]'], '["with \\"quotes\\" and [1]"]'],
    [[], ''],
  ])('%j is written as %s, and read back', (path, text) => {
    expect(formatPath(path)).toBe(text);
    expect(parsePath(text)).toEqual(path);
  });
});
