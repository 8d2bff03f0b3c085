import { describe, expect, it } from 'vitest';
import { checkTemplate, createRenderer } from '../../src/adapters/templates/render.ts';

/** What a Rollout lets Sluice fill in: queries, questions and bodies of webhook gates. */

const VALUES = { name: 'forecast', namespace: 'meteo', weight: 50 };

describe('templates', () => {
  it.each([
    '{{> ../../../etc/passwd}}',
    '{{> (lookup . "name")}}',
    '{{#> layout}}x{{/layout}}',
    '{{#*inline "x"}}y{{/inline}}',
    '{{../name}}',
    '{{@root.name}}',
    '{{this}}',
    '{{.}}',
    '{{constructor}}',
    '{{constructor.constructor}}',
    '{{name.constructor}}',
    '{{name.length}}',
    '{{__proto__}}',
    '{{__proto__.polluted}}',
    '{{#with __proto__}}{{constructor}}{{/with}}',
    '{{#with name as |x|}}{{x.sub}}{{/with}}',
    '{{lookup this "constructor"}}',
    '{{lookup name "constructor"}}',
    '{{#each this}}{{@key}}{{/each}}',
    '{{log "x"}}',
    '{{helperMissing}}',
    '{{blockHelperMissing name}}',
    '{{toString}}',
    '{{hasOwnProperty "name"}}',
    '{{#if (constructor)}}x{{/if}}',
    '{{{name.constructor}}}',
    '{{& name.constructor}}',
    '{{env.SLACK_TOKEN}}',
    '{{process}}',
    '{{secret}}',
    '{{"name"}}{{name "x"}}',
    '{{name',
  ])('R12: %s is refused, and fills in nothing', template => {
    expect(checkTemplate(template, Object.keys(VALUES))).toEqual(expect.any(String));
    expect(() => createRenderer()(template, VALUES)).toThrow(/^rendering template: /);
  });
});
