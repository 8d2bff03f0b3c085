import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInTemplates } from '../../../src/adapters/templates/messageFiles.ts';
import { createMessageFiller, createMessageRenderer, type MessageTemplate } from '../../../src/adapters/templates/messages.ts';
import { sampleMessages } from '../../../src/adapters/templates/samples.ts';
import type { Message } from '../../../src/controller/channel-ports.ts';
import { MESSAGE_KINDS, type MessageKind } from '../../../src/rollout/index.ts';

const fill = createMessageFiller();
const BUILT_IN = builtInTemplates();
const CHANNELS = ['slack', 'text'] as const;
const sampleOf = (kind: MessageKind, sample = 'usual'): Message => {
  const found = sampleMessages(kind).find(known => known.sample === sample);
  if (found === undefined) throw new Error(`no sample ${sample}`);
  return found.message;
};
const written = (text: string): MessageTemplate => ({ file: 'own.hbs', text });
const inSlack = (template: string, message = sampleOf('approval')): string => fill(written(template), message, 'slack');

describe('R36: built-in templates', () => {
  it.each(MESSAGE_KINDS)('%s: the first line names the rollout, the version and what happened; the message follows', kind => {
    const message = sampleOf(kind);
    const [first = '', ...rest] = fill(BUILT_IN[kind], message, 'text').split('\n');
    expect(first).toContain(`weather/forecast v2: ${message.facts.title}`);
    expect(first.length).toBeLessThan(100);
    expect(rest.join('\n')).toContain(message.message);
  });

  it('say why, until when, what to do, and where to look', () => {
    expect(fill(BUILT_IN.approval, sampleOf('approval'), 'slack').split('\n')).toEqual([
      '*weather/forecast* v2: waits for approval: step 2 at 50%',
      '*Half of all users for forecast?*',
      'step 1/3 at 20%: step 2 at 50% needs the approval of 2 of slack:U024BE7LH, group:release (alice so far)',
      '• success-rate 99.8 % &gt;= 99 % on 1,204 requests',
      'Until 18:03:00Z.',
      '→ to approve: `sluice approve forecast -n weather --revision 7c1f09d2 --step 2`',
      '→ to reject, which puts everything back: `sluice reject forecast -n weather --revision 7c1f09d2 --step 2`',
      '→ to go back at once: `sluice abort forecast -n weather`',
      '<https://sluice.example.com/rollouts/weather/forecast|dashboard>',
      '<https://prometheus.example.com/graph?g0.expr=up%7Bapp%3D%22a%22%7D&amp;g0.tab=0|success-rate in Prometheus>',
    ]);
  });

  it('samples say what people really get', () => {
    expect(sampleOf('noData').facts.todo).toContainEqual(
      expect.stringMatching(/sluice promote \w+ -n weather --revision \w+ --step \d+$/),
    );
    expect(sampleOf('drift').facts.todo).toContainEqual(expect.stringMatching(/sluice resume \w+ -n weather$/));
    expect(MESSAGE_KINDS.map(kind => sampleOf(kind).facts.kind)).toEqual(MESSAGE_KINDS);
  });

  it('say the date where something ends on another day', () => {
    const message = sampleOf('step');
    const later = { ...message, facts: { ...message.facts, until: '2026-11-22T02:00:00.5Z' } };
    expect(fill(BUILT_IN.step, later, 'text')).toContain('Until 2026-11-22 02:00:00Z.');
  });

  it.each(MESSAGE_KINDS)('%s: a message that says next to nothing leaves no gaps', kind => {
    for (const channel of CHANNELS) {
      const text = fill(BUILT_IN[kind], sampleOf(kind, 'bare'), channel);
      expect(text.split('\n')).toHaveLength(2);
      expect(text.split('\n')[0]).toMatch(/^\*?weather\/forecast\*?: [a-z ]+(?:: [a-z ]+)?$/i);
    }
  });
});

/** The message with a text in each place that people can choose. */
const withText = (message: Message, text: string): Message => ({
  ...message,
  message: `said: ${text}`,
  ask: `asked: ${text}`,
  facts: {
    ...message.facts,
    why: [`why ${text}`],
    todo: [`do ${text}`],
    ...(message.facts.question === undefined ? {} : { question: { ...message.facts.question, given: [`by ${text}`] } }),
  },
  links: [{ title: `look ${text}`, url: 'https://sluice.example.com/?a=1&b=2' }],
});

const OF_CHANNELS = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '<',
          '>',
          '&',
          '|',
          '`',
          '```',
          '*',
          '_',
          '~',
          '@here',
          '@',
          ':tada:',
          ':',
          '#general',
          '<!channel>',
          '<@U1>',
          '&lt;',
        ],
        ...[
          'https://evil.example.com',
          'www.evil.com',
          '\n',
          '\r\n',
          '\u2028',
          '\u0000',
          '\u001b[2J',
          '\u202e',
          '\ud800',
          '{{',
          '}}',
          ' ',
          'a',
        ],
      ),
      { maxLength: 12 },
    )
    .map(parts => parts.join('')),
);

describe('free text of people', () => {
  it.each(CHANNELS)('%s: whatever it is, it stays in its line and becomes nothing but text', channel => {
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGE_KINDS), OF_CHANNELS, (kind, text) => {
        const plain = fill(BUILT_IN[kind], withText(sampleOf(kind), 'x'), channel);
        const filled = fill(BUILT_IN[kind], withText(sampleOf(kind), text), channel);
        expect(filled.split('\n')).toHaveLength(plain.split('\n').length);
        expect(filled).not.toMatch(/(?![\n\u2060])[\p{Cc}\p{Cf}\p{Cs}]/u);
        if (channel === 'text') return;
        expect(filled.match(/[<>`*]/g)).toEqual(plain.match(/[<>`*]/g));
        expect(filled).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        expect(filled.replaceAll(/<https:[^>]*>/g, '')).not.toMatch(
          /(?:^|[^\w.+-])[@#][a-z]|:\/\/|www\.|:\w*[a-z]\w*:|(?:^|\W)_|_(?:\W|$)|~/i,
        );
      }),
      { numRuns: 150, seed: 8 },
    );
  });

  it('the hostile sample is harmless in every kind', () => {
    for (const kind of MESSAGE_KINDS) {
      const text = fill(BUILT_IN[kind], sampleOf(kind, 'hostile'), 'slack');
      expect([...text.matchAll(/<[^>]*>/g)].map(([found]) => found.slice(0, 28))).toEqual(['<https://sluice.example.com/']);
      expect(text).not.toMatch(/[@#](?:here|channel|general|U0)|```|javascript:/);
      expect(text.length).toBeLessThanOrEqual(2_900);
    }
  });

  it('names with underscores and addresses of people stay as they are', () => {
    const message = withText(sampleOf('other'), 'istio_requests_total by alice@example.com');
    expect(fill(BUILT_IN.other, message, 'slack')).toContain('said: istio_requests_total by alice@example.com');
  });

  it('very long ones are cut, and what does not fit is left out and said', () => {
    const message = withText(sampleOf('approval'), '&'.repeat(5_000));
    const text = fill(BUILT_IN.approval, message, 'slack');
    expect(text.length).toBeLessThanOrEqual(2_900);
    expect(text.split('\n')[0]).toBe('*weather/forecast* v2: waits for approval: step 2 at 50%');
    expect(text.endsWith('\n…')).toBe(true);
  });
});

describe('the language', () => {
  it('has bold, code, link, if, unless and each, and what a template says itself is text too', () => {
    expect(inSlack('a < b & *c* {{bold name}} {{code "x<y"}} {{#each links}}{{link title url}} {{/each}}')).toBe(
      'a &lt; b &amp; *c* *forecast* `x&lt;y` <https://sluice.example.com/rollouts/weather/forecast|dashboard> ' +
        '<https://prometheus.example.com/graph?g0.expr=up%7Bapp%3D%22a%22%7D&amp;g0.tab=0|success-rate in Prometheus>',
    );
    expect(fill(written('{{bold name}} {{code name}}'), sampleOf('step'), 'text')).toBe('forecast forecast');
    expect(
      inSlack('{{#unless version}}none{{else}}{{version}}{{/unless}}{{#each why}}, {{this}}{{else}}, no reason{{/each}}'),
    ).toBe('v2, success-rate 99.8 % &gt;= 99 % on 1,204 requests');
  });

  it('nothing that a value holds is a template', () => {
    const message = { ...sampleOf('other'), message: '{{name}} {{#each why}} {{constructor}}' };
    expect(fill(written('{{message}}'), message, 'text')).toBe('{{name}} {{#each why}} {{constructor}}');
  });

  it('an address that is none leads nowhere', () => {
    const message = { ...sampleOf('other'), links: [{ title: 'x', url: 'javascript:alert(1)' }] };
    expect(inSlack('links:{{#each links}} {{link title url}}{{/each}}', message)).toBe('links:');
  });
});

describe('R36: commands that are pasted', () => {
  const rendered = (publicUrl: string | undefined, channel: 'slack' | 'text' = 'text'): readonly string[] =>
    createMessageRenderer({ builtIn: BUILT_IN, overrides: {}, logger: { warn: () => undefined }, publicUrl })(
      sampleOf('approval'),
      channel,
    ).split('\n');
  const answers = (publicUrl: string | undefined, channel?: 'slack' | 'text') =>
    rendered(publicUrl, channel).filter(line => line.includes('sluice approve') || line.includes('sluice reject'));

  it.each([
    ['https://sluice.example.com', ' --server https://sluice.example.com'],
    ['https://sluice.example.com/at', ' --server https://sluice.example.com/at'],
    ['http://127.0.0.1:8080', ' --server http://127.0.0.1:8080'],
    ["https://sluice.example.com/a'b;$(c)`d`", " --server 'https://sluice.example.com/a%27b;$(c)%60d%60'"],
  ])('name the server at %s, for slack and text alike', (publicUrl, option) => {
    const lines = answers(publicUrl);
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.endsWith(option)).toBe(true);
    for (const line of answers(publicUrl, 'slack')) expect(line.endsWith(`${option}\``)).toBe(true);
    expect(rendered(publicUrl).filter(line => line.includes('--server'))).toHaveLength(2);
  });

  it.each([[undefined], ['http://sluice.example.com'], ['https://sluice.example.com/?a=b'], ['nowhere']])(
    'name none where no token may go: %s',
    publicUrl => {
      expect(answers(publicUrl).join()).not.toContain('--server');
      expect(answers(publicUrl)).toHaveLength(2);
    },
  );
});

describe('R35: templates of ones own', () => {
  const open = (overrides: Readonly<Partial<Record<MessageKind, MessageTemplate>>>) => {
    const warned: object[] = [];
    const logger = { warn: (fields: object) => void warned.push(fields) };
    return { render: createMessageRenderer({ builtIn: BUILT_IN, overrides, logger }), warned };
  };

  it('take the place of the built-in ones of their kind', () => {
    const { render, warned } = open({ step: written('{{name}} moved on') });
    expect(render(sampleOf('step'), 'text')).toBe('forecast moved on');
    expect(render(sampleOf('started'), 'text')).toBe(fill(BUILT_IN.started, sampleOf('started'), 'text'));
    expect(warned).toEqual([]);
  });

  it.each([
    ['says nothing for this message', '{{#unless name}}x{{/unless}}', 'own.hbs:1:1: nothing comes out of it'],
    ['is broken', 'a\n {{nam}}', 'own.hbs:2:4: "nam" is unknown; did you mean "name"?'],
  ])('one that %s makes way for the built-in one, and the log says so once', (_, text, reason) => {
    const { render, warned } = open({ step: written(text) });
    const expected = fill(BUILT_IN.step, sampleOf('step'), 'text');
    expect([render(sampleOf('step'), 'text'), render(sampleOf('step'), 'text')]).toEqual([expected, expected]);
    expect(warned).toEqual([{ kind: 'step', reason }]);
  });
});
