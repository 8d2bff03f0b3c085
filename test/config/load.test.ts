import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import type { Environment } from '../../src/config/secrets.ts';
import { readParts } from './parts.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = join(folder, 'sluice.yaml');
const load = (text: string, env: Environment = {}) => {
  writeFileSync(file, text);
  return loadConfig(file, env, readParts);
};

function problemsOf(text: string, env: Environment = {}): readonly string[] {
  try {
    load(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(problem => problem.replace(`${file}:`, ''));
    throw error;
  }
  return [];
}

const source = (more: string) => `sources: [{name: fleet, url: 'https://git.example.com/a.git', namespaces: [weather]${more}}]`;

describe('the configuration', () => {
  it('has a default for everything', () => {
    const expected = {
      listen: { host: '0.0.0.0', port: 8080 },
      hooks: { host: '0.0.0.0', port: 8081 },
      trustedProxies: [],
      anonymousRead: false,
      leaderElection: { enabled: true, namespace: 'sluice-system', name: 'sluice' },
      watchNamespaces: [],
      sources: [],
      providers: { prometheus: {}, zipkin: {} },
      gateTemplates: {},
      defaults: {},
      webhookGates: { allow: [] },
      people: [],
      notify: { webhooks: [] },
      approvals: { webhooks: [] },
      drift: { restore: ['argocd-controller', 'kustomize-controller', 'helm-controller'] },
      evidence: { configMaps: 3 },
    };
    expect(loadConfig(undefined, {}, readParts)).toEqual(expected);
    expect(load('')).toEqual(expected);
    expect(load('# only a comment\n')).toEqual(expected);
  });

  it('takes the namespace of the lease from the pod, unless the file names one', () => {
    const env = { POD_NAMESPACE: 'delivery' };
    expect(loadConfig(undefined, env, readParts).leaderElection.namespace).toBe('delivery');
    expect(load('leaderElection: {namespace: other}', env).leaderElection.namespace).toBe('other');
  });

  it('gives addresses and durations as the program needs them', () => {
    const config = load(
      `server: {listen: '[::1]:0'}\nproviders: {zipkin: {default: {url: 'http://z:9411', timeout: 1m30s, lag: 500ms}}, prometheus: {default: {url: 'http://p:9090/prefix', publicUrl: 'https://p.example.com/x/'}}}`,
    );
    expect(config.listen).toEqual({ host: '::1', port: 0 });
    expect(config.providers).toEqual({
      zipkin: { default: { url: 'http://z:9411', timeoutMs: 90_000, lagMs: 500, publicUrl: 'http://z:9411' } },
      prometheus: { default: { url: 'http://p:9090/prefix', timeoutMs: 10_000, publicUrl: 'https://p.example.com/x' } },
    });
  });

  it('fills in what a source leaves out', () => {
    expect(load(source('')).sources).toEqual([
      {
        name: 'fleet',
        url: 'https://git.example.com/a.git',
        branch: 'main',
        path: '',
        namespaces: ['weather'],
        schedule: '*/30 * * * * *',
        prune: true,
      },
    ]);
  });

  it('takes the path of a local repository', () => {
    for (const url of ['/srv/git/deploy', './deploy', '../deploy', 'file:///srv/git/deploy']) {
      expect(problemsOf(`sources: [{name: a, url: '${url}', namespaces: ['*']}]`)).toEqual([]);
    }
  });
});

describe('secrets', () => {
  it('come from variables and files, and files are read each time', () => {
    const secret = join(folder, 'password');
    writeFileSync(secret, 'first\n');
    const [fleet] = load(source(`, auth: {usernameEnv: GIT_USER, passwordFile: '${secret}'}`), { GIT_USER: 'alice' }).sources;
    expect(fleet?.credentials?.()).toEqual({ username: 'alice', password: 'first' });
    writeFileSync(secret, 'second\n');
    expect(fleet?.credentials?.()).toEqual({ username: 'alice', password: 'second' });
    rmSync(secret);
    expect(() => fleet?.credentials?.()).toThrow(`reading secret ${secret}: ENOENT`);
  });

  it('may be a token without a user', () => {
    const [fleet] = load(source(', auth: {tokenEnv: TOKEN}'), { TOKEN: 'abc' }).sources;
    expect(fleet?.credentials?.()).toEqual({ password: 'abc' });
  });

  it('that are missing are found before anything starts', () => {
    expect(problemsOf(source(', auth: {usernameEnv: GIT_USER, passwordFile: /nowhere/password}'))).toEqual([
      '1:106: sources[0].auth.usernameEnv: names the environment variable GIT_USER, which is not set',
      '1:130: sources[0].auth.passwordFile: names the file /nowhere/password, which cannot be read (ENOENT)',
    ]);
  });

  it('are not part of the file, and a secret in a URL is not repeated', () => {
    const [problem] = problemsOf("sources: [{name: a, url: 'https://alice:s3cret@git.example.com/a.git', namespaces: [a]}]");
    expect(problem).toBe(
      '1:26: sources[0].url: names a user or a password, expected secrets in a file or an environment variable',
    );
    for (const wrong of [
      'password: s3cret',
      'passwordEnv: s3cret',
      'passwordEnv: s3cret-2',
      'passwordFile: s3cret',
      'tokenFile: [s3cret]',
    ]) {
      const problems = problemsOf(source(`, auth: {${wrong}}`)).join();
      expect(problems).toContain('sources[0].auth');
      expect(problems).not.toContain('s3cret');
    }
    expect(problemsOf(source(', auth: {passwordEnv: 5315}')).join()).not.toContain('5315');
  });

  it('are not needed by those who only look at the rest', () => {
    writeFileSync(file, source(', auth: {tokenEnv: TOKEN}'));
    expect(loadConfig(file, {}, readParts, 'ignored').sources).toHaveLength(1);
  });
});

describe('problems', () => {
  it('are listed at once, in the order of the file, with place, path and what is expected', () => {
    const text = `server: {listen: 8080}
sorces: []
sources:
- name: Fleet
  url: git@git.example.com:team/deploy.git
  namespaces: []
  schedule: '*/30 * * *'
providers: {prometheus: {default: {url: 'prometheus:9090', timeout: 10}}}
`;
    expect(problemsOf(text)).toEqual([
      '1:18: server.listen: is the number 8080, expected an address as host:port, such as 0.0.0.0:8080',
      '2:1: sorces: unknown field `sorces` (did you mean `sources`?)',
      '4:9: sources[0].name: is "Fleet", expected the name of a source: lower-case letters, digits and "-", at most 63',
      '5:8: sources[0].url: is not supported, expected an http(s) URL, or the path of a local repository',
      "6:3: sources[0].namespaces: is an empty list, expected at least one namespace, or ['*'] to allow all",
      "7:13: sources[0].schedule: is no cron expression, expected five fields, or six with seconds, such as '*/30 * * * * *'",
      '8:41: providers.prometheus.default.url: is no URL, expected http://... or https://...',
      '8:69: providers.prometheus.default.timeout: is the number 10, expected a duration such as 30s, 5m or 1h30m (units ms, s, m, h, d)',
    ]);
  });

  it.each([
    ['server: {listen: "127.0.0.1:99999"}', '1:18: server.listen: expected a port from 0 to 65535'],
    [
      `${source('').slice(0, -1)}, {name: fleet, url: /a, namespaces: [b]}]`,
      '1:94: sources[1].name: fleet is the name of a source before',
    ],
    [source(', auth: {}'), '1:86: sources[0].auth: expected exactly one of passwordEnv, passwordFile, tokenEnv, tokenFile'],
    ['sources: {}', '1:1: sources: has no fields, expected a list'],
    ['a: 1\n---\nb: 2', 'has 2 documents, expected one'],
    ['- a', '1:1: is a list of 1, expected fields'],
    ['server: [', '1:10: flow sequence in block collection must be sufficiently indented and end with a ]'],
  ])('%s', (text, problem) => {
    expect(problemsOf(text).join('\n')).toContain(problem);
  });

  it('a file that is not there', () => {
    expect(() => loadConfig('/nowhere/sluice.yaml', {}, readParts)).toThrow('/nowhere/sluice.yaml: cannot be read (ENOENT)');
  });
});

describe('parts of Rollouts in the configuration', () => {
  const templates = `providers: {prometheus: {default: {url: 'http://p:9090'}}}
gateTemplates:
  errors: {prometheus: {metric: success-rate}, threshold: {min: 99.5}}
  slow: {prometheus: {metric: latency, percentile: 95}}
defaults:
  analysis: {interval: 30s, gates: [{name: ok, prometheus: {query: 'sum(rate(ok[{{window}}]))'}, threshold: {min: 1}}]}
`;

  it('are given as they stand', () => {
    expect(load(templates)).toMatchObject({
      gateTemplates: {
        errors: { prometheus: { metric: 'success-rate' }, threshold: { min: 99.5 } },
        slow: { prometheus: { metric: 'latency', percentile: 95 } },
      },
      defaults: { analysis: { interval: '30s', gates: [{ name: 'ok', threshold: { min: 1 } }] } },
    });
  });

  it('are checked as strictly as Rollouts, with their places in this file', () => {
    const text = `providers: {prometheus: {default: {url: 'http://p:9090'}}}
gateTemplates:
  errors: {prometheus: {metric: succes-rate}, threshold: {min: 99.5}}
  both: {prometheus: {metric: success-rate}, zipkin: {percentile: 99}}
  shop: {prometheus: {metric: success-rate, provider: shop}, threshold: {min: 99}}
  again: {template: errors}
  query: {prometheus: {query: 'sum(rate(ok[{{windw}}]))'}, threshold: {min: 1}}
  Loud: {prometheus: {metric: success-rate}}
  text: smoke
defaults:
  analysis:
    intervall: 30s
    gates: [{prometheus: {metric: success-rate}, threshold: {max: 1}}]
`;
    const problems = problemsOf(text);
    expect(problems.map(problem => problem.replace(/^(\d+):\d+: (\S+): .*$/s, '$1 $2'))).toEqual([
      '3 gateTemplates.errors.prometheus.metric',
      '4 gateTemplates.both',
      '5 gateTemplates.shop.prometheus.provider',
      '6 gateTemplates.again.template',
      '7 gateTemplates.query.prometheus.query',
      '8 gateTemplates.Loud',
      '9 gateTemplates.text',
      '12 defaults.analysis.intervall',
    ]);
    expect(problems[0]).toContain('(did you mean `success-rate`?)');
    expect(problems[2]).toContain('configured are default');
    expect(problems[7]).toContain('(did you mean `interval`?)');
    expect(problemsOf(text.replace('    intervall: 30s\n', '')).at(-1)).toMatch(
      /^12:\d+: defaults.analysis.gates\[0\].threshold: /,
    );
  });
});

describe('webhooks', () => {
  it('for messages and gates are given with their secrets', () => {
    const secret = join(folder, 'webhook');
    writeFileSync(secret, 'first\n');
    const config = load(
      `webhookGates: {allow: ['https://*.example.com', 'http://[::1]:*/gates/*'], secretEnv: GATE}
notify:
  webhooks:
  - {name: audit, url: 'https://audit.example.com/x?y', secretFile: '${secret}'}
  - {name: pager, url: 'http://pager:8080', events: [GateFailed, RolledBack]}
`,
      { GATE: 'sesame' },
    );
    expect(config.webhookGates.allow).toEqual(['https://*.example.com', 'http://[::1]:*/gates/*']);
    expect(config.webhookGates.secret?.()).toBe('sesame');
    const [audit, pager] = config.notify.webhooks;
    expect(audit).toMatchObject({ name: 'audit', url: 'https://audit.example.com/x?y', events: ['*'] });
    expect(audit?.secret?.()).toBe('first');
    writeFileSync(secret, 'second\n');
    expect(audit?.secret?.()).toBe('second');
    expect(pager).toEqual({ name: 'pager', url: 'http://pager:8080', events: ['GateFailed', 'RolledBack'] });
  });

  it.each([
    ["webhookGates: {allow: ['*.example.com']}", 'webhookGates.allow[0]: expected http(s)://host'],
    ["webhookGates: {allow: ['https://*']}", ''],
    ["webhookGates: {allow: ['https://*.example.com/a/*/b']}", 'webhookGates.allow[0]: expected http(s)://host'],
    ["webhookGates: {allow: ['https://ci-*.example.com']}", 'webhookGates.allow[0]: expected http(s)://host'],
    ["webhookGates: {allow: ['https://alice@example.com']}", 'webhookGates.allow[0]: expected http(s)://host'],
    ['webhookGates: {secretEnv: GATE}', 'names the environment variable GATE, which is not set'],
    ['webhookGates: {secretEnv: A, secretFile: /b}', 'expected at most one of secretEnv, secretFile'],
    ["notify: {webhooks: [{name: a, url: 'https://a', events: [GateFailled]}]}", '(did you mean `GateFailed`?)'],
    ["notify: {webhooks: [{name: a, url: 'https://a', secretFile: /nowhere}]}", 'names the file /nowhere, which cannot be read'],
    ["notify: {webhooks: [{name: a, url: 'https://a'}, {name: a, url: 'https://b'}]}", 'a is the name of a webhook before'],
    ["notify: {webhooks: [{name: a, url: 'https://u:p@a'}]}", 'names a user or a password'],
  ])('%s', (text, problem) => {
    const problems = problemsOf(text).join('\n');
    if (problem === '') expect(problems).toBe('');
    else expect(problems).toContain(problem);
  });
});

describe('drift and evidence', () => {
  it('are given as they stand', () => {
    expect(load('drift: {restore: [somebody]}\nevidence: {configMaps: 0, dir: ./data}')).toMatchObject({
      drift: { restore: ['somebody'] },
      evidence: { configMaps: 0, dir: './data' },
    });
  });
});

describe('the server', () => {
  it('has an address for people and programs each, and one that people know', () => {
    const text =
      "server: {listen: '127.0.0.1:0', hooks: '[::1]:9', publicUrl: 'https://sluice.example.com/', trustedProxies: [10.0.0.0/8, 'fd00::/8']}";
    expect(load(text, { POD_IP: '10.0.0.7' })).toMatchObject({
      listen: { host: '127.0.0.1', port: 0 },
      hooks: { host: '::1', port: 9 },
      publicUrl: 'https://sluice.example.com',
      trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
      podAddress: '10.0.0.7',
    });
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'proxy.example.com/8', '10.0.0.0/8/8', '10.0.0.0/x'])(
    '%s is no network of proxies',
    network => {
      expect(problemsOf(`server: {trustedProxies: ['${network}']}`)).toEqual([
        expect.stringContaining('server.trustedProxies[0]: expected a network such as 10.0.0.0/8'),
      ]);
    },
  );
});

describe('people and what brings their answers', () => {
  const all = `people: [{name: alice, slack: U024BE7LH, user: alice@example.com, emails: [alice@example.com], groups: [release]}, {name: bob}]
notify: {slack: {tokenEnv: T, signingSecretEnv: S, channel: '#deploys'}}
approvals: {webhooks: [{name: change-board, secretEnv: CAB_SECRET}]}
${source(', push: {secretEnv: PUSH}')}
`;
  const env = { T: 'xoxb-1', S: 'sesame', CAB_SECRET: 'whsec_1', PUSH: 'pushed' };

  it('are given with their secrets', () => {
    const { people, notify, approvals, sources } = load(all, env);
    expect(people).toEqual([
      {
        name: 'alice',
        slack: 'U024BE7LH',
        user: 'alice@example.com',
        emails: ['alice@example.com'],
        groups: ['release'],
      },
      { name: 'bob' },
    ]);
    expect(notify.slack).toMatchObject({ channel: '#deploys', events: ['*'], apiUrl: 'https://slack.com/api' });
    expect([notify.slack?.token(), notify.slack?.signingSecret?.()]).toEqual(['xoxb-1', 'sesame']);
    expect(approvals.webhooks.map(({ name, secret }) => [name, secret()])).toEqual([['change-board', 'whsec_1']]);
    expect(sources[0]?.pushSecret?.()).toBe('pushed');
  });

  it('their secrets are read each time, also after the file was emptied', () => {
    const file = join(folder, 'cab');
    writeFileSync(file, 'first\n');
    const [board] = load(`approvals: {webhooks: [{name: cab, secretFile: '${file}'}]}`).approvals.webhooks;
    expect(board?.secret()).toBe('first');
    writeFileSync(file, '');
    expect(board?.secret()).toBe('');
    rmSync(file);
    expect(() => board?.secret()).toThrow(`reading secret ${file}: ENOENT`);
  });

  it('their secrets are looked for before anything starts, and shown to nobody', () => {
    const problems = problemsOf(all, { ...env, S: '', CAB_SECRET: undefined, PUSH: undefined });
    expect(problems).toEqual([
      expect.stringContaining('notify.slack.signingSecretEnv: names the environment variable S, which is not set'),
      expect.stringContaining('approvals.webhooks[0].secretEnv: names the environment variable CAB_SECRET, which is not set'),
      expect.stringContaining('sources[0].push.secretEnv: names the environment variable PUSH, which is not set'),
    ]);
    expect(problemsOf('approvals: {webhooks: [{name: cab, secretFile: s3cret}]}').join()).not.toContain('s3cret');
  });

  it.each([
    ['people: [{name: alice}, {name: alice}]', 'people[1].name: alice is the name of people[0] already'],
    ['people: [{name: a, slack: U1}, {name: b, slack: U1}]', 'people[1].slack: U1 is the slack of people[0] already'],
    ['people: [{name: a, user: x}, {name: b, user: x}]', 'people[1].user: x is the user of people[0] already'],
    ['people: [{slack: U1}]', 'people[0].name: is missing'],
    ["notify: {slack: {channel: '#a'}}", 'expected exactly one of tokenEnv, tokenFile'],
    ['notify: {slack: {tokenEnv: T, tokenFile: /t, channel: a}}', 'expected exactly one of tokenEnv, tokenFile'],
    [
      'notify: {slack: {tokenEnv: T, signingSecretEnv: S, signingSecretFile: /s, channel: a}}',
      'expected at most one of signingSecretEnv, signingSecretFile',
    ],
    ['notify: {slack: {tokenEnv: T}}', 'notify.slack.channel: is missing'],
    ['approvals: {webhooks: [{name: cab}]}', 'expected exactly one of secretEnv, secretFile'],
    ['approvals: {webhooks: [{name: a, secretEnv: T}, {name: a, secretEnv: T}]}', 'a is the name of a webhook before'],
    ["approvals: {webhooks: [{name: '../slack', secretEnv: T}]}", 'expected the name of a webhook'],
    [source(', push: {}'), 'expected exactly one of secretEnv, secretFile'],
  ])('%s', (text, problem) => {
    expect(problemsOf(text, env).join('\n')).toContain(problem);
  });
});

describe('what later versions bring', () => {
  it.each([source(', verify: {signersFile: /etc/sluice/signers}'), source(', writeBack: {commitStatus: github}')])(
    'is refused by name: %s',
    text => {
      expect(problemsOf(text)).toEqual([expect.stringContaining('is not supported yet, expected it to be left out')]);
    },
  );

  it.each(['server: {anonymousRead: false}', source(', verify: {}'), 'gateTemplates: {}', 'people: []'])(
    'may be named with what holds anyway: %s',
    text => {
      expect(problemsOf(text)).toEqual([]);
    },
  );

  it('the file of the contract is accepted, except for what it says so of', () => {
    const contract = `server: {listen: '0.0.0.0:8080', hooks: '0.0.0.0:8081', publicUrl: 'https://sluice.example.com', anonymousRead: false}
people: [{name: alice, slack: U024BE7LH, user: alice@example.com, emails: [alice@example.com], groups: [release]}]
notify: {slack: {tokenEnv: T, signingSecretEnv: S, channel: '#deploys'}}
approvals: {webhooks: [{name: change-board, secretEnv: CAB_SECRET}]}
templatesDir: ./templates
`;
    expect(problemsOf(contract, { T: 't', S: 's', CAB_SECRET: 'c' })).toEqual([]);
  });
});

describe('files that come along', () => {
  it('the configuration of `sluice install` is valid, as it is and with its comments taken away', () => {
    const template = readFileSync(new URL('../../templates/install/3-configuration.yaml.hbs', import.meta.url), 'utf8');
    const text: string = parse(template.replaceAll('{{namespace}}', 'sluice-system')).data['sluice.yaml'];
    expect(problemsOf(text)).toEqual([]);
    const all = text.replaceAll(/^# (?=\s*(?:-|\w+:))/gm, '');
    expect(all).toMatch(/^providers:/m);
    const secrets = [...all.matchAll(/Env: (\w+)/g)].map(([, name = '']) => [name, 'x']);
    const config = load(all, Object.fromEntries(secrets));
    expect(config.people.map(({ name }) => name)).toEqual(['alice']);
    expect(config.approvals.webhooks.map(({ name }) => name)).toEqual(['change-board']);
    expect(config.notify.slack?.channel).toBe('#deploys');
    expect(config.sources[0]?.pushSecret?.()).toBe('x');
    expect(config.sources.map(({ name }) => name)).toEqual(['fleet']);
    expect(Object.keys(config.providers.prometheus)).toEqual(['default']);
  });
});
