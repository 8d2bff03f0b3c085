import { describe, expect, it } from 'vitest';
import { checkTemplate, createRenderer } from '../../../src/adapters/templates/render.ts';

const names = ['namespace', 'name', 'host', 'stable', 'canary', 'weight', 'window'];

describe('rendering a template', () => {
  it('fills in values and escapes nothing', () => {
    const render = createRenderer();
    const query = 'sum(rate(orders_total{version="{{canary}}"}[{{window}}])) > {{weight}}';
    expect(render(query, { canary: 'v2<&>"', window: '30s', weight: 0 })).toBe(
      'sum(rate(orders_total{version="v2<&>""}[30s])) > 0',
    );
  });

  it('knows if and unless', () => {
    const render = createRenderer();
    const text = '{{#if weight}}at {{weight}}%{{else}}no traffic{{/if}}{{#unless canary}}!{{/unless}}';
    expect(render(text, { weight: 50, canary: 'v2' })).toBe('at 50%');
    expect(render(text, { weight: 0, canary: '' })).toBe('no traffic!');
  });

  it('throws for a name that has no value, and names it', () => {
    expect(() => createRenderer()('{{canary}}\n{{steps}}', { canary: 'v2' })).toThrow(
      'rendering template: line 2: "steps" is unknown',
    );
  });

  it.each(['constructor', '__proto__', 'toString', 'canary.length', 'this', '../canary', '@root', '__lookupGetter__'])(
    'gives no way to %s',
    name => {
      expect(() => createRenderer()(`{{${name}}}`, { canary: 'v2' })).toThrow('is unknown');
    },
  );
});

describe('checking a template', () => {
  it.each([
    ['{{canary}} of {{namespace}}/{{name}}', undefined],
    ['no values at all', undefined],
    ['{{! a comment }}', undefined],
    ['{{#if weight}}{{weight}}{{else if window}}{{window}}{{/if}}', undefined],
    ['{{canery}}', 'line 1: "canery" is unknown; did you mean "canary"?'],
    ['{{pods}}', 'line 1: "pods" is unknown; known are canary, host, name, namespace, stable, weight, window'],
    ['\n\n{{#if wieght}}x{{/if}}', 'line 3: "wieght" is unknown; did you mean "weight"?'],
    ['{{#if weight}}{{hots}}{{/if}}', 'line 1: "hots" is unknown; did you mean "host"?'],
    ['{{lookup canary 0}}', 'line 1: "lookup" is not a function'],
    ['{{#each canary}}x{{/each}}', 'line 1: the block "each" does not exist; there are if and unless'],
    ['{{#if weight canary}}x{{/if}}', 'line 1: a block needs exactly one value'],
    ['{{> page}}', 'line 1: partials and decorators cannot be used'],
    ['{{(canary)}}', expect.stringContaining('line 1: ')],
  ])('%j: %s', (template, reason) => {
    expect(checkTemplate(template, names)).toEqual(reason);
  });

  it('tells the line of a syntax error', () => {
    expect(checkTemplate('a\n{{canary', names)).toMatch(
      /^syntax error in line 2: unexpected character or end of the text: is "}}" missing\?$/,
    );
    expect(checkTemplate('a\n\n{{#if weight}}x', names)).toMatch(/^syntax error in line 3: /);
    expect(checkTemplate('{{#if weight}}x{{/unless}}', names)).toBe("syntax error in line 1: if doesn't match unless");
  });
});
