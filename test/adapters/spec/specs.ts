/** Specs that every reader of the schema has to accept or refuse: the parser, and the API server with the generated CRD. */

const canary = (step: object) => ({ version: 'v2', strategy: { canary: { steps: [step] } } });
const gate = (fields: object) => ({ ...canary({ setWeight: 50 }), analysis: { gates: [{ name: 'g', ...fields }] } });

/** Every field of Istio's HTTPMatchRequest. */
const wholeMatch = {
  name: 'testers',
  headers: { 'end-user': { exact: 'jason' }, 'user-agent': { regex: '.*Chrome.*' }, 'x-tester': {} },
  withoutHeaders: { 'x-robot': {}, 'x-load-test': { prefix: 'k6' } },
  queryParams: { beta: { exact: '1' }, preview: {} },
  uri: { prefix: '/forecast' },
  scheme: { exact: 'https' },
  method: { regex: 'GET|POST' },
  authority: { prefix: 'weather.' },
  ignoreUriCase: true,
  port: 8080,
  sourceLabels: { app: 'web', 'app.kubernetes.io/version': 'v1' },
  sourceNamespace: 'weather',
  gateways: ['mesh', 'public', 'istio-system/public'],
  statPrefix: 'forecast-testers',
};
const matching = (match: object) => canary({ setHeaderRoute: { match: [match] } });
const inMatch = 'spec.strategy.canary.steps[0].setHeaderRoute.match[0]';

const smallest = canary({ setWeight: 50, pause: { duration: '5m' } });

/** Every field that the contract names. */
const everything = {
  version: 'v2',
  initialVersion: 'v1',
  host: 'forecast.weather.svc.cluster.local',
  versionLabel: 'app.kubernetes.io/version',
  router: {
    istio: {
      virtualServices: ['forecast', 'istio-system/forecast-public'],
      routes: ['primary'],
      destinationRule: 'forecast',
      createMissing: 'subset',
      settle: '2s',
    },
  },
  strategy: {
    canary: {
      steps: [
        { setHeaderRoute: { match: [{ headers: { 'end-user': { exact: 'jason' } } }] }, pause: {} },
        { setHeaderRoute: { match: [wholeMatch] }, setMirrorRoute: { percentage: 100 }, pause: { duration: '1h30m' } },
        {
          name: 'half',
          setWeight: 50,
          setHeaderRoute: {},
          setMirrorRoute: {},
          pause: { duration: '10m' },
          approval: {
            when: 'before',
            required: 1,
            approvers: ['slack:U024BE7LH', 'user:alice@example.com', 'group:release', 'webhook:change-board'],
            message: 'Half of all users for {{name}}?',
            timeout: '4h',
            onTimeout: 'hold',
            allowAuthor: false,
          },
          gates: [{ name: 'half-only', zipkin: { percentile: 50 }, threshold: { max: 100 } }],
        },
      ],
      bake: '10m',
      stickiness: { cookie: 'sluice-forecast', ttl: '1h' },
    },
  },
  analysis: {
    interval: '15s',
    initialDelay: '0s',
    alpha: 0.01,
    gates: [
      {
        name: 'success-rate',
        prometheus: { metric: 'success-rate', provider: 'default' },
        threshold: { min: 99 },
        baseline: { tolerance: 1.5, certify: { ratio: 3, floor: 0.5 }, undecidedAfter: '10m', onUndecided: 'hold' },
      },
      { name: 'p99', zipkin: { percentile: 99, provider: 'default' }, threshold: { max: 500 }, baseline: { tolerance: 1.1 } },
      { name: 'p95', prometheus: { metric: 'latency', percentile: 95 }, threshold: { max: 500.5 }, judge: 'plain' },
      {
        name: 'orders',
        prometheus: {
          query: 'sum(rate(orders_total{version="{{canary}}"}[{{window}}]))',
          samples: 'sum(increase(orders_total[{{window}}]))',
          window: '1m',
          provider: 'shop',
        },
        threshold: { min: 1, max: 1 },
        minSamples: 30,
        failureLimit: 1,
        onNoData: 'hold',
        noDataDeadline: '10m',
        onFailure: 'rollback',
      },
      { template: 'smoke' },
      { name: 'ci', webhook: { url: 'https://ci.example.com/smoke', timeout: '10s' } },
    ],
  },
  windows: [{ deny: '* 18-23 * * 5', timezone: 'Europe/Berlin' }, { allow: '*/5 8-17 * * MON-FRI' }],
  capacity: 'warn',
  progressDeadline: '10m',
  rollbackWindow: '1h',
  paused: false,
  retire: { after: '30m', action: 'none' },
  onDelete: 'stable',
  notify: { slack: '#weather' },
};

export const goodSpecs: Readonly<Record<string, object>> = {
  smallest,
  everything,
  'blue-green': {
    version: 'v2',
    strategy: {
      blueGreen: {
        preview: { match: [{ uri: { prefix: '/preview' } }] },
        mirror: { percentage: 100 },
        hold: { duration: '10m' },
        approval: { approvers: ['group:release'] },
        bake: '10m',
      },
    },
  },
  'A/B test': {
    version: 'v2',
    // biome-ignore lint/suspicious/noThenProperty: a field of the contract
    strategy: { abTest: { match: [{ queryParams: { beta: { exact: '1' } } }], duration: '24h', then: 'promote' } },
  },
  'gates without names': { ...smallest, analysis: { gates: [{ prometheus: { query: 'up' } }, { template: 'smoke' }] } },
  'no gates': { ...smallest, analysis: { gates: [] } },
  'fifty steps': { version: 'v2', strategy: { canary: { steps: Array.from({ length: 50 }, () => ({ setWeight: 1 })) } } },
};

type BadSpec = { readonly spec: object; readonly path: string; readonly message: string };

const twin = { zipkin: { percentile: 99 }, threshold: { max: 1 } };

/** What is wrong, and the words in which people are told. */
export const badSpecs: Readonly<Record<string, BadSpec>> = {
  'no version': { spec: { strategy: smallest.strategy }, path: 'spec.version', message: 'is missing' },
  'no strategy': { spec: { version: 'v2' }, path: 'spec.strategy', message: 'is missing' },
  'a version that is no label value': {
    spec: { ...smallest, version: 'v 2' },
    path: 'spec.version',
    message: 'is "v 2", expected the version that is wanted',
  },
  'a version of 64 characters': {
    spec: { ...smallest, version: 'v'.repeat(64) },
    path: 'spec.version',
    message: '(64 characters)',
  },
  'no strategy inside': {
    spec: { version: 'v2', strategy: {} },
    path: 'spec.strategy',
    message: 'exactly one of canary, blueGreen, abTest must be given',
  },
  'two strategies': {
    spec: { version: 'v2', strategy: { ...smallest.strategy, blueGreen: {} } },
    path: 'spec.strategy',
    message: 'exactly one of canary, blueGreen, abTest must be given',
  },
  'no steps': {
    spec: { version: 'v2', strategy: { canary: { steps: [] } } },
    path: 'spec.strategy.canary.steps',
    message: 'is an empty list, expected a list of 1 to 50 items',
  },
  'fifty-one steps': {
    spec: { version: 'v2', strategy: { canary: { steps: Array.from({ length: 51 }, () => ({ setWeight: 1 })) } } },
    path: 'spec.strategy.canary.steps',
    message: 'is a list of 51, expected a list of 1 to 50 items',
  },
  'a step that sets nothing': { spec: canary({ name: 'idle' }), path: 'spec.strategy.canary.steps[0]', message: 'a step needs' },
  'a weight above 100': {
    spec: canary({ setWeight: 101 }),
    path: 'spec.strategy.canary.steps[0].setWeight',
    message: 'is the number 101, expected a whole number from 0 to 100',
  },
  'a weight below 0': {
    spec: canary({ setWeight: -1 }),
    path: 'spec.strategy.canary.steps[0].setWeight',
    message: 'expected a whole number from 0 to 100',
  },
  'half a percent': {
    spec: canary({ setWeight: 0.5 }),
    path: 'spec.strategy.canary.steps[0].setWeight',
    message: 'expected a whole number from 0 to 100',
  },
  'a weight in quotes': {
    spec: canary({ setWeight: '50' }),
    path: 'spec.strategy.canary.steps[0].setWeight',
    message: 'is "50", expected a whole number from 0 to 100',
  },
  'a duration without unit': {
    spec: canary({ pause: { duration: '5' } }),
    path: 'spec.strategy.canary.steps[0].pause.duration',
    message: 'is "5", expected a duration such as 30s, 5m or 1h30m',
  },
  'a negative duration': {
    spec: canary({ pause: { duration: '-5m' } }),
    path: 'spec.strategy.canary.steps[0].pause.duration',
    message: 'expected a duration',
  },
  'a duration beyond the calendar': {
    spec: { ...smallest, rollbackWindow: '9999999d' },
    path: 'spec.rollbackWindow',
    message: 'expected a duration',
  },
  'a mirror beside a weight': {
    spec: canary({ setWeight: 1, setMirrorRoute: { percentage: 1 } }),
    path: 'spec.strategy.canary.steps[0].setMirrorRoute',
    message: 'setMirrorRoute is not possible together with a setWeight above 0',
  },
  'an empty match': { spec: matching({}), path: inMatch, message: 'expected at least one condition' },
  'a match with no more than a name': {
    spec: matching({ name: 'all', ignoreUriCase: true, statPrefix: 'all' }),
    path: inMatch,
    message: 'expected at least one condition (headers, withoutHeaders,',
  },
  'a match without headers': {
    spec: matching({ headers: {} }),
    path: `${inMatch}.headers`,
    message: 'expected 1 to 20 names',
  },
  'a match with twenty-one headers': {
    spec: matching({ headers: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`x-${n}`, {}])) }),
    path: `${inMatch}.headers`,
    message: 'expected 1 to 20 names',
  },
  'a header that is exact and a prefix': {
    spec: matching({ headers: { 'end-user': { exact: 'jason', prefix: 'ja' } } }),
    path: `${inMatch}.headers.end-user`,
    message: 'at most one of exact, prefix, regex may be given; {} means any value',
  },
  'a uri that is neither': {
    spec: matching({ uri: {} }),
    path: `${inMatch}.uri`,
    message: 'exactly one of exact, prefix, regex must be given',
  },
  'a header with an empty text': {
    spec: matching({ headers: { 'end-user': { exact: '' } } }),
    path: `${inMatch}.headers.end-user.exact`,
    message: 'is "", expected a text of 1 to 1024 characters',
  },
  'a regular expression of 1,025 characters': {
    spec: matching({ uri: { regex: 'a'.repeat(1_025) } }),
    path: `${inMatch}.uri.regex`,
    message: '(1025 characters), expected a regular expression (RE2) of 1 to 1024 characters',
  },
  'port 0': { spec: matching({ port: 0 }), path: `${inMatch}.port`, message: 'expected a whole number from 1 to 65535' },
  'port 65536': { spec: matching({ port: 65_536 }), path: `${inMatch}.port`, message: 'expected a whole number from 1 to 65535' },
  'a gateway in three parts': {
    spec: matching({ gateways: ['a/b/c'] }),
    path: `${inMatch}.gateways[0]`,
    message: 'expected the name of a Gateway (or mesh), optionally as namespace/name',
  },
  'a namespace in capitals': {
    spec: matching({ sourceNamespace: 'Weather' }),
    path: `${inMatch}.sourceNamespace`,
    message: 'expected the name of a namespace',
  },
  'a label value with spaces': {
    spec: matching({ sourceLabels: { app: 'the web' } }),
    path: `${inMatch}.sourceLabels.app`,
    message: 'expected the value of a pod label',
  },
  'a preview without match': {
    spec: { version: 'v2', strategy: { blueGreen: { preview: {} } } },
    path: 'spec.strategy.blueGreen.preview.match',
    message: 'is missing, expected a list of 1 to 20 items',
  },
  'an experiment without match': {
    spec: { version: 'v2', strategy: { abTest: { duration: '1h' } } },
    path: 'spec.strategy.abTest.match',
    message: 'is missing, expected a list of 1 to 20 items',
  },
  'twenty-one matches': {
    spec: canary({ setHeaderRoute: { match: Array.from({ length: 21 }, (_, n) => ({ uri: { exact: `/${n}` } })) } }),
    path: 'spec.strategy.canary.steps[0].setHeaderRoute.match',
    message: 'is a list of 21, expected a list of 1 to 20 items',
  },
  'an approval without approvers': {
    spec: canary({ approval: { approvers: [] } }),
    path: 'spec.strategy.canary.steps[0].approval.approvers',
    message: 'is an empty list',
  },
  'an approver of no kind': {
    spec: canary({ approval: { approvers: ['alice'] } }),
    path: 'spec.strategy.canary.steps[0].approval.approvers[0]',
    message: 'is "alice", expected slack:ID, user:NAME, group:NAME or webhook:NAME',
  },
  'a gate without source': {
    spec: gate({ threshold: { min: 1 } }),
    path: 'spec.analysis.gates[0]',
    message: 'exactly one of prometheus, zipkin, webhook, template must be given',
  },
  'a gate with two sources': {
    spec: gate({ prometheus: { query: 'up' }, zipkin: { percentile: 99 } }),
    path: 'spec.analysis.gates[0]',
    message: 'exactly one of prometheus, zipkin, webhook, template must be given',
  },
  'two gates of one name': {
    spec: {
      ...smallest,
      analysis: {
        gates: [
          { name: 'a', ...twin },
          { name: 'a', ...twin },
        ],
      },
    },
    path: 'spec.analysis.gates[1].name',
    message: 'a is the name of a gate before',
  },
  'query and metric': {
    spec: gate({ prometheus: { query: 'up', metric: 'success-rate' } }),
    path: 'spec.analysis.gates[0].prometheus',
    message: 'exactly one of metric, query must be given',
  },
  'neither query nor metric': {
    spec: gate({ prometheus: {} }),
    path: 'spec.analysis.gates[0].prometheus',
    message: 'exactly one of metric, query must be given',
  },
  'a percentile of the success rate': {
    spec: gate({ prometheus: { metric: 'success-rate', percentile: 99 } }),
    path: 'spec.analysis.gates[0].prometheus.percentile',
    message: 'percentile is expected together with metric: latency, and only there',
  },
  'a latency without percentile': {
    spec: gate({ prometheus: { metric: 'latency' } }),
    path: 'spec.analysis.gates[0].prometheus.percentile',
    message: 'percentile is expected together with metric: latency, and only there',
  },
  'samples without query': {
    spec: gate({ prometheus: { metric: 'success-rate', samples: 'up' } }),
    path: 'spec.analysis.gates[0].prometheus.samples',
    message: 'samples is only possible with query',
  },
  'a window without query': {
    spec: gate({ prometheus: { metric: 'success-rate', window: '1m' } }),
    path: 'spec.analysis.gates[0].prometheus.window',
    message: 'window is only possible with query',
  },
  'an unknown metric': {
    spec: gate({ prometheus: { metric: 'sucess-rate' } }),
    path: 'spec.analysis.gates[0].prometheus.metric',
    message: 'is "sucess-rate", expected one of success-rate, latency',
  },
  'the hundredth percentile': {
    spec: gate({ zipkin: { percentile: 100 } }),
    path: 'spec.analysis.gates[0].zipkin.percentile',
    message: 'is the number 100, expected a number between 0 and 100',
  },
  'an empty threshold': {
    spec: gate({ zipkin: { percentile: 99 }, threshold: {} }),
    path: 'spec.analysis.gates[0].threshold',
    message: 'at least one of min, max must be given',
  },
  'a threshold upside down': {
    spec: gate({ zipkin: { percentile: 99 }, threshold: { min: 2, max: 1 } }),
    path: 'spec.analysis.gates[0].threshold.min',
    message: 'min must not be greater than max',
  },
  'undecidedAfter without certify': {
    spec: gate({ zipkin: { percentile: 99 }, baseline: { undecidedAfter: '5m' } }),
    path: 'spec.analysis.gates[0].baseline.undecidedAfter',
    message: 'undecidedAfter is only possible with certify',
  },
  'onUndecided without certify': {
    spec: gate({ zipkin: { percentile: 99 }, baseline: { onUndecided: 'pass' } }),
    path: 'spec.analysis.gates[0].baseline.onUndecided',
    message: 'onUndecided is only possible with certify',
  },
  'a tolerance below 1': {
    spec: gate({ zipkin: { percentile: 99 }, baseline: { tolerance: 0.5 } }),
    path: 'spec.analysis.gates[0].baseline.tolerance',
    message: 'expected a number from 1 to 1000',
  },
  'minSamples of a query without samples': {
    spec: gate({ prometheus: { query: 'up' }, threshold: { min: 1 }, minSamples: 3 }),
    path: 'spec.analysis.gates[0].minSamples',
    message: 'minSamples needs prometheus.samples',
  },
  'a webhook that is no URL': {
    spec: gate({ webhook: { url: 'ci.example.com' } }),
    path: 'spec.analysis.gates[0].webhook.url',
    message: 'expected an http(s) URL',
  },
  'alpha above a half': {
    spec: { ...smallest, analysis: { alpha: 1 } },
    path: 'spec.analysis.alpha',
    message: 'is the number 1, expected a number from 0.000001 to 0.5',
  },
  'a window with allow and deny': {
    spec: { ...smallest, windows: [{ allow: '* * * * *', deny: '* * * * *' }] },
    path: 'spec.windows[0]',
    message: 'exactly one of deny, allow must be given',
  },
  'a window that is no cron expression': {
    spec: { ...smallest, windows: [{ deny: 'fridays' }] },
    path: 'spec.windows[0].deny',
    message: 'is "fridays", expected a cron expression with five fields',
  },
  'two routers': {
    spec: { ...smallest, router: { istio: {}, gatewayApi: {} } },
    path: 'spec.router',
    message: 'at most one of istio, gatewayApi may be given',
  },
  'a host in capitals': {
    spec: { ...smallest, host: 'Forecast' },
    path: 'spec.host',
    message: 'expected a host name in lower case',
  },
  'an unknown capacity': {
    spec: { ...smallest, capacity: 'warm' },
    path: 'spec.capacity',
    message: 'is "warm", expected one of warn, require',
  },
  'paused in words': { spec: { ...smallest, paused: 'yes' }, path: 'spec.paused', message: 'is "yes", expected true or false' },
};
