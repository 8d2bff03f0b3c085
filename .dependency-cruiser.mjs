/**
 * Who may import whom. As floors, every arrow down:
 * main > cli > { compose > { adapters, server } > controller, simulation } > { rollout, config }; sandbox stands apart, tied to nothing.
 */

/** What a layer may import of this program; everything else under src is forbidden to it. */
const layer = (name, from, mayImport, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: mayImport },
});

/** A package that belongs to one place, so that replacing it is work in one place. */
const home = (name, packagePath, places) => ({
  name,
  comment: `this package is used only under ${places}; go through what stands there`,
  severity: 'error',
  from: { path: '^src/', pathNot: places },
  to: { path: `(^|/)node_modules/${packagePath}` },
});

const PORTS = '^src/controller/(ports|channel-ports|source-ports|view-ports)\\.ts$';

export default {
  forbidden: [
    { name: 'no-circular', comment: 'a circle has no floor', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-to-unresolvable',
      comment: 'a typo, or a package that is not installed',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'not-to-dev-dep',
      comment: 'what runs in production stands in dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'rollout-imports-itself-only',
      comment: 'the core is pure: no package, no node:, no shell',
      severity: 'error',
      from: { path: '^src/rollout/' },
      to: { pathNot: '^src/rollout/' },
    },
    {
      name: 'rollout-has-one-door',
      comment: 'the rest of the program imports the core through its index',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(rollout|adapters/istio)/' },
      to: { path: '^src/rollout/', pathNot: '^src/rollout/index\\.ts$' },
    },
    {
      name: 'controller-knows-ports-only',
      comment: 'the controller knows ports, never products',
      severity: 'error',
      from: { path: '^src/controller/' },
      to: { pathNot: ['^src/(controller|rollout|config)/', '^(node:)?timers(/promises)?$'] },
    },
    {
      name: 'adapters-stand-apart',
      comment: 'one adapter never imports another product; http is shared',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/($1|http)/' },
    },
    layer(
      'adapters-below',
      '^src/adapters/',
      ['^src/(adapters|rollout|config)/', PORTS],
      'adapters implement ports and know the core',
    ),
    layer('server-below', '^src/server/', ['^src/(server|rollout|config)/', PORTS], 'the server knows ports, never products'),
    layer(
      'config-below',
      '^src/config/',
      ['^src/(config|rollout)/'],
      'settings stand at the ground; of the core they use how durations read',
    ),
    layer(
      'compose-below',
      '^src/compose(\\.ts$|/)',
      ['^src/(compose|adapters|server|controller|rollout|config)/'],
      'composing knows no command line',
    ),
    layer('simulation-below', '^src/simulation/', ['^src/(simulation|rollout|config)/'], 'simulated worlds know the core only'),
    layer(
      'cli-below',
      '^src/cli/',
      ['^src/(cli|simulation|adapters|server|controller|rollout|config)/', '^src/compose\\.ts$'],
      'commands stand on all but main; the sandbox is started as a program',
    ),
    layer('main-hands-over', '^src/main\\.ts$', ['^src/cli/'], 'the entry hands over to cli'),
    layer(
      'sandbox-imports-itself-only',
      '^src/sandbox/',
      ['^src/sandbox/'],
      'a simulator that shares types with the controller agrees with its bugs',
    ),
    {
      name: 'sandbox-is-a-program',
      comment: 'the sandbox is started, never imported',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/sandbox/' },
      to: { path: '^src/sandbox/' },
    },
    home('axios-at-home', 'axios/', '^src/adapters/http/'),
    home('kubernetes-at-home', '@kubernetes/client-node/', '^src/adapters/kubernetes/'),
    home('handlebars-at-home', 'handlebars/', '^src/(adapters/templates/|cli/install)'),
    home('promql-at-home', '@(prometheus-io|lezer)/', '^src/(adapters/(prometheus|spec)|sandbox)/'),
    home('json-patch-at-home', 'rfc6902/', '^src/adapters/istio/'),
    home('hono-at-home', '(hono|@hono)/', '^src/(server|sandbox)/'),
    home('commander-at-home', 'commander/', '^src/(cli|sandbox)/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
