import { describe, expect, it } from 'vitest';
import { MESH_CHECKS, type MeshCode } from '../../../../src/adapters/istio/meshCheck/checks.ts';
import { type Case, found, rolloutWith } from './fixtures.ts';

type Fixture = Case & {
  readonly what: string;
  /** Puts objects of the sound world into a state in which it is found. */
  readonly bad: string;
  /** Nearly the same, and it is not found. */
  readonly good: string;
  /** The object and what is said of it. */
  readonly says: string;
  /** What the same objects show besides. */
  readonly also?: readonly MeshCode[];
};

const virtualService = (spec: string): string => `
kind: VirtualService
metadata: {name: forecast, creationTimestamp: '2026-02-01T00:00:00Z'}
spec: ${spec}`;
const ROUTE = '{name: primary, route: [{destination: {host: forecast, subset: v1}}]}';
const plain = (more: string): string => virtualService(`{hosts: [forecast], ${more}http: [${ROUTE}]}`);
const http = (...routes: readonly string[]): string => virtualService(`{hosts: [forecast], http: [${routes.join(', ')}]}`);
const primary = (match: string): string =>
  `{name: primary, match: ${match}, route: [{destination: {host: forecast, subset: v1}}]}`;
const rule = (spec: string, more = ''): string => `
kind: DestinationRule
metadata: {name: forecast${more}}
spec: ${spec}`;
const SUBSETS = 'subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]';
const service = (port: string, more = ''): string => `
kind: Service
metadata: {name: forecast${more}}
spec: {selector: {app: forecast}, ports: [${port}]}`;
const gateway = (hosts: string): string => `
kind: Gateway
metadata: {name: public}
spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [${hosts}]}]}`;
const second = (more: string): string => `
kind: VirtualService
metadata: {name: other, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {hosts: [forecast.weather.svc.cluster.local], ${more}http: [{route: [{destination: {host: elsewhere}}]}]}`;
const root = (match: string): string => `
kind: VirtualService
metadata: {name: root}
spec: {hosts: [shop.example.com], http: [{${match}delegate: {name: forecast}}]}`;
const delegate = (match: string): string => virtualService(`{http: [${primary(match)}]}`);
const peer = (mode: string, more = ''): string => `
kind: PeerAuthentication
metadata: {name: default${more}}
spec: {mtls: {mode: ${mode}}}`;
const pods = (spec: string, labels: string, annotations = ''): string =>
  ['v1', 'v2']
    .flatMap(version =>
      [1, 2].map(
        number => `
kind: Pod
metadata: {name: forecast-${version}-abc-${number}, labels: {${labels}version: ${version}}, annotations: {${annotations}}}
spec: ${spec}
status: {conditions: [{type: Ready, status: 'True'}]}`,
      ),
    )
    .join('\n---');
const BARE = '{containers: [{name: app}]}';
const namespace = (labels: string): string => `
kind: Namespace
metadata: {name: weather, labels: {${labels}}}`;
const AMBIENT = `${namespace('istio.io/dataplane-mode: ambient')}\n---${pods(BARE, 'app: forecast, ')}`;
const autoscaler = (spec: string): string => `
kind: HorizontalPodAutoscaler
metadata: {name: forecast-v1}
spec: {scaleTargetRef: {kind: Deployment, name: forecast-v1}, ${spec}}`;
const telemetry = (tracing: string): string => `
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [${tracing}]}`;
const together = (...texts: readonly string[]): string => texts.join('\n---\n');

const SPANS = rolloutWith({
  gates: [
    {
      name: 'p99',
      source: { kind: 'zipkin', provider: 'default', percentile: 99 },
      judge: 'sequential',
      minSamples: 10,
      failureLimit: 1,
      onNoData: 'hold',
      noDataDeadlineMs: 600_000,
    },
  ],
});
const HEADERS = rolloutWith({
  steps: [{ weight: 0, pauseMs: null, headerRoutes: [{ match: [{ headers: { 'end-user': { exact: 'jason' } } }] }] }],
});

const FIXTURES: Readonly<Record<MeshCode, readonly Fixture[]>> = {
  MissingHost: [
    {
      what: 'no Service',
      bad: `kind: Service\nmetadata: {name: forecast, deletionTimestamp: 'now'}`,
      good: together(
        `kind: Service\nmetadata: {name: forecast, deletionTimestamp: 'now'}`,
        'kind: ServiceEntry\nmetadata: {name: forecast}\nspec: {hosts: [forecast.weather.svc.cluster.local]}',
      ),
      says: 'Rollout weather/forecast: no Service or ServiceEntry is called forecast.weather.svc.cluster.local, so requests that are routed to it fail; create it, or correct spec.host',
    },
  ],
  MissingSubset: [
    {
      what: 'of the new version, which is not ours to add',
      rollout: rolloutWith({}, { router: { istio: { createMissing: 'none' } } }),
      bad: rule('{host: forecast, subsets: [{name: v1, labels: {version: v1}}]}'),
      good: '',
      says: 'DestinationRule weather/forecast: no subset selects version v2, so the share of v2 would get 503 (NC); add a subset with labels {version: v2}, or set router.istio.createMissing: subset',
    },
    {
      what: 'of the stable version',
      bad: rule('{host: forecast, subsets: [{name: v2, labels: {version: v2}}]}'),
      good: together(
        rule('{host: forecast, subsets: [{name: v2, labels: {version: v2}}]}'),
        `kind: DestinationRule\nmetadata: {name: more}\nspec: {host: forecast, subsets: [{name: v1, labels: {version: v1}}]}`,
      ),
      says: 'DestinationRule weather/forecast: no subset selects version v1, so the share of v1 would get 503 (NC); add a subset with labels {version: v1}',
    },
  ],
  SubsetWithoutPods: [
    {
      what: 'as it asks for more than the version',
      bad: rule('{host: forecast, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2, track: new}}]}'),
      good: rule(
        '{host: forecast, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2, app: forecast}}]}',
      ),
      says: 'DestinationRule weather/forecast: subset v2 selects none of the 2 ready pods of v2, so its share would get 503 (UH); let its labels (version=v2, track=new) be those of the pods',
    },
  ],
  OtherDestinationMissing: [
    {
      what: 'another host',
      bad: http(
        '{name: primary, route: [{destination: {host: forecast, subset: v1}, weight: 80}, {destination: {host: gone}, weight: 20}]}',
      ),
      good: http(
        '{name: primary, route: [{destination: {host: forecast, subset: v1}, weight: 100}, {destination: {host: gone}, weight: 0}]}',
      ),
      says: 'VirtualService weather/forecast: the steered route also sends 20 of its weights to gone.weather.svc.cluster.local, which does not exist, so that part fails; create it, or take the destination out',
    },
    {
      what: 'another subset',
      bad: http(
        '{name: primary, route: [{destination: {host: forecast, subset: v1}, weight: 80}, {destination: {host: forecast, subset: v3}, weight: 20}]}',
      ),
      good: '',
      says: 'VirtualService weather/forecast: the steered route also sends 20 of its weights to subset v3 of forecast.weather.svc.cluster.local, which does not exist, so that part fails; create it, or take the destination out',
    },
  ],
  PortNotHttp: [
    {
      what: 'by its name',
      bad: service('{name: tcp-web, port: 80}'),
      good: service('{name: grpc-web, port: 80}'),
      says: 'Service weather/forecast: port 80 (named tcp-web) is not declared as HTTP, so sidecars apply no http route and no request would follow the weights; name the port http, http2 or grpc, or set its appProtocol',
    },
    {
      what: 'by its appProtocol, whatever the name says',
      bad: service('{name: http, appProtocol: tcp, port: 80}'),
      good: service('{name: tcp, appProtocol: kubernetes.io/h2c, port: 80}'),
      says: 'Service weather/forecast: port 80 (named http, appProtocol tcp) is not declared as HTTP, so sidecars apply no http route and no request would follow the weights; name the port http, http2 or grpc, or set its appProtocol',
    },
  ],
  PortUnclear: [
    {
      what: 'without a name',
      bad: service('{port: 8080}'),
      good: service('{port: 8080, name: http-web}, {port: 9090}'),
      says: 'Service weather/forecast: port 8080 without a name does not say what it speaks, so sidecars guess, and connections that they take for TCP do not follow the weights; name the port http, http2 or grpc, or set its appProtocol',
    },
    {
      what: 'of TCP, while a gateway splits',
      bad: together(service('{name: tcp, port: 80}'), plain('gateways: [mesh, public], '), gateway('"*"')),
      good: together(service('{name: tcp, port: 80}'), plain('gateways: [public], '), gateway('"*"')),
      says: 'Service weather/forecast: port 80 (named tcp) is not declared as HTTP, so only requests that come by a gateway follow the weights; name the port http, http2 or grpc, or set its appProtocol',
    },
  ],
  ConflictingVirtualServices: [
    {
      what: 'of which the older one counts',
      bad: second(''),
      good: second('exportTo: [elsewhere], '),
      says: 'VirtualService weather/forecast: VirtualService weather/other is for forecast.weather.svc.cluster.local in the mesh as well and is the older one, which sidecars follow, so no request would follow the weights; merge both into one',
    },
  ],
  DuplicateVirtualService: [
    {
      what: 'on one gateway',
      bad: together(plain('gateways: [public], '), gateway('"*"'), second('gateways: [public], ')),
      good: together(plain('gateways: [public], '), gateway('"*"'), second('gateways: [internal], ')),
      says: 'VirtualService weather/forecast: VirtualService weather/other is for forecast.weather.svc.cluster.local on Gateway weather/public as well, and whose routes count is not defined, so requests may not follow the weights; merge both into one',
    },
    {
      what: 'in the mesh, younger than the steered one',
      bad: second('').replace('2026-01', '2026-03'),
      good: second('').replace('hosts: [forecast', 'hosts: [other'),
      says: 'VirtualService weather/forecast: VirtualService weather/other is for forecast.weather.svc.cluster.local in the mesh as well, and whose routes count is not defined, so requests may not follow the weights; merge both into one',
    },
  ],
  NoEntrance: [
    {
      what: 'as the only gateway is missing',
      bad: plain('gateways: [public], '),
      good: together(plain('gateways: [public], '), gateway('./forecast.weather.svc.cluster.local')),
      says: 'VirtualService weather/forecast: Gateway weather/public does not exist, so no request would follow the weights; correct its gateways or hosts, or add the host to a server of the Gateway',
    },
    {
      what: 'as the only gateway serves other hosts',
      bad: together(plain('gateways: [weather/public], '), gateway('shop.example.com, "other/*"')),
      good: together(plain('gateways: [weather/public], '), gateway('"*/forecast"')),
      says: 'VirtualService weather/forecast: Gateway weather/public serves none of the hosts forecast.weather.svc.cluster.local, so no request would follow the weights; correct its gateways or hosts, or add the host to a server of the Gateway',
    },
  ],
  GatewayWithoutHost: [
    {
      what: 'while sidecars are meant too',
      bad: plain('gateways: [public, mesh], '),
      good: together(plain('gateways: [public, mesh], '), gateway('"*"')),
      says: 'VirtualService weather/forecast: Gateway weather/public does not exist, so no request comes to Rollout weather/forecast that way; correct its gateways or hosts, or add the host to a server of the Gateway',
    },
  ],
  UnreachableRoute: [
    {
      what: 'behind one without match',
      bad: http('{name: all, route: [{destination: {host: forecast, subset: v1}}]}', ROUTE),
      good: http('{name: sluice-forecast-0, route: [{destination: {host: forecast, subset: v2}}]}', ROUTE),
      says: 'VirtualService weather/forecast: route "all" stands before route "primary" and takes every request that it could get, so its weights decide nothing; move route "primary" before it, or remove route "all"',
    },
    {
      what: 'behind a wider one, in every block',
      bad: http(
        '{match: [{uri: {prefix: /a}}], redirect: {uri: /}}',
        primary('[{uri: {exact: /a/b}}, {uri: {prefix: /a/c}, headers: {x: {exact: y}}}]'),
      ),
      good: http(
        '{match: [{uri: {prefix: /a}, headers: {x: {}}}], redirect: {uri: /}}',
        primary('[{uri: {exact: /a/b}}, {uri: {prefix: /a/c}}]'),
      ),
      says: 'VirtualService weather/forecast: http[0] stands before route "primary" and takes every request that it could get, so its weights decide nothing; move route "primary" before it, or remove http[0]',
    },
    {
      what: 'as the root takes it before it delegates',
      bad: together(
        'kind: VirtualService\nmetadata: {name: root}\nspec: {hosts: [shop.example.com], http: [{route: [{destination: {host: forecast}}]}, {delegate: {name: forecast}}]}',
        virtualService(`{http: [${ROUTE}]}`),
      ),
      good: together(root(''), virtualService(`{http: [${ROUTE}]}`)),
      says: 'VirtualService weather/root: http[0] stands before http[1] and takes every request that it could get, so its weights decide nothing; move http[1] before it, or remove http[0]',
    },
  ],
  IneffectiveMatch: [
    {
      what: 'one block of two',
      bad: http('{match: [{uri: {prefix: /a}}], redirect: {uri: /}}', primary('[{uri: {prefix: /a/b}}, {uri: {prefix: /c}}]')),
      good: http(
        '{match: [{uri: {regex: "/a.*"}}], redirect: {uri: /}}',
        primary('[{uri: {prefix: /a/b}}, {uri: {prefix: /c}}]'),
      ),
      says: 'VirtualService weather/forecast: http[0] takes all requests of route "primary" match[0] before, so they do not follow the weights; move route "primary" before it, or remove the match',
    },
  ],
  DelegateNotSubset: [
    {
      what: 'another path',
      bad: together(root('match: [{uri: {prefix: /shop}}], '), delegate('[{uri: {prefix: /sh}}]')),
      good: together(root('match: [{uri: {prefix: /shop}}], '), delegate('[{uri: {prefix: /shop/a}}, {headers: {x: {}}}]')),
      says: 'VirtualService weather/forecast: route "primary" match[0] is no part of what VirtualService weather/root delegates to it, so Istio drops it and no request would follow the weights; make the match narrower than the one of its root, without regex where both name the same field',
    },
  ],
  DelegatePartlyIgnored: [
    {
      what: 'one block of two',
      bad: together(
        root('match: [{uri: {prefix: /shop}}], '),
        delegate('[{uri: {prefix: /shop/a}}, {uri: {regex: "/shop/.*"}}]'),
      ),
      good: together(root('match: [{uri: {prefix: /a}}, {method: {exact: GET}}], '), delegate('[{uri: {regex: /b}}]')),
      says: 'VirtualService weather/forecast: route "primary" match[1] is no part of what VirtualService weather/root delegates to it, so Istio drops it; make the match narrower than the one of its root, without regex where both name the same field',
    },
  ],
  MtlsClash: [
    {
      what: 'plain text to pods of a strict mesh',
      bad: together(
        peer('STRICT', ', namespace: istio-system'),
        rule(`{host: forecast, trafficPolicy: {tls: {mode: DISABLE}}, ${SUBSETS}}`),
      ),
      good: together(
        peer('STRICT', ', namespace: istio-system'),
        peer('PERMISSIVE'),
        rule(`{host: forecast, trafficPolicy: {tls: {mode: DISABLE}}, ${SUBSETS}}`),
      ),
      says: 'DestinationRule weather/forecast: it has callers of v2 speak with tls mode DISABLE, and PeerAuthentication istio-system/default has 2 of its pods accept mutual TLS only, so its requests would get 503; set the mode to ISTIO_MUTUAL, or leave tls out',
    },
    {
      what: 'SIMPLE for one subset in a strict namespace',
      bad: together(
        peer('STRICT'),
        rule(
          '{host: forecast, subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: SIMPLE}}}, {name: v2, labels: {version: v2}}]}',
        ),
      ),
      good: together(peer('STRICT'), rule(`{host: forecast, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, ${SUBSETS}}`)),
      says: 'DestinationRule weather/forecast: it has callers of v1 speak with tls mode SIMPLE, and PeerAuthentication weather/default has 2 of its pods accept mutual TLS only, so its requests would get 503; set the mode to ISTIO_MUTUAL, or leave tls out',
    },
    {
      what: 'mutual TLS to pods that refuse it',
      bad: together(peer('DISABLE'), rule(`{host: forecast, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, ${SUBSETS}}`)),
      good: together(
        peer('DISABLE'),
        peer('STRICT', '2').replace('spec: {', 'spec: {selector: {matchLabels: {app: forecast}}, '),
      ),
      says: 'DestinationRule weather/forecast: it has callers of v2 speak with tls mode ISTIO_MUTUAL, and PeerAuthentication weather/default has 2 of its pods accept plain text only, so its requests would get 503; set the mode to DISABLE, or mend PeerAuthentication weather/default',
    },
  ],
  WaypointMissing: [
    {
      what: 'in a mesh of ambient pods only',
      bad: AMBIENT,
      good: together(AMBIENT, namespace('istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint')),
      says: 'Service weather/forecast: it is in ambient mode without a waypoint, so nothing applies http routes and no request would follow the weights; deploy a waypoint and label the namespace or the Service istio.io/use-waypoint',
    },
  ],
  WaypointMissingForSome: [
    {
      what: 'while others have sidecars',
      bad: together(AMBIENT, 'kind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: stable}}'),
      good: together(
        AMBIENT,
        'kind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: stable}}',
        service('{name: http, port: 80}', ', labels: {istio.io/use-waypoint: waypoint}'),
      ),
      says: 'Service weather/forecast: it is in ambient mode without a waypoint, so only requests from sidecars and by gateways follow the weights; deploy a waypoint and label the namespace or the Service istio.io/use-waypoint',
    },
  ],
  PodsWithoutSidecar: [
    {
      what: 'on every pod',
      bad: pods(BARE, 'app: forecast, '),
      good: pods('{containers: [{name: app}, {name: istio-proxy}]}', 'app: forecast, '),
      says: 'Service weather/forecast: 4 of 4 pods (2 of v2) have no sidecar, so requests are measured only at callers that have one, and mirrored requests not at all; label the namespace istio-injection=enabled (or istio.io/rev) and restart the pods',
    },
  ],
  CallersWithoutSidecar: [
    {
      what: 'in a namespace without injection',
      also: ['PodsWithoutSidecar'],
      bad: together(namespace(''), pods(BARE, 'app: forecast, ')),
      good: together(namespace('istio.io/rev: stable'), pods(BARE, 'app: forecast, ')),
      says: 'Namespace weather: nothing in namespace weather has a sidecar, so calls from there to forecast do not follow the weights; label the namespace istio-injection=enabled (or istio.io/rev) and restart the callers',
    },
  ],
  MissingLabels: [
    {
      what: 'of the application',
      bad: together(
        service('{name: http, port: 80}').replace('app: forecast', 'role: web'),
        pods('{containers: [{name: app}, {name: istio-proxy}]}', 'role: web, '),
      ),
      good: together(
        service('{name: http, port: 80}').replace('app: forecast', 'role: web'),
        pods('{containers: [{name: app}, {name: istio-proxy}]}', 'role: web, app.kubernetes.io/name: forecast, '),
      ),
      says: 'Service weather/forecast: of 4 pods there are 4 without a label app, so telemetry cannot name them; add the labels to the pod template',
    },
  ],
  ObjectHidden: [
    {
      what: 'the routes',
      bad: plain('exportTo: ["."], '),
      good: plain('exportTo: ["*"], '),
      says: 'VirtualService weather/forecast: by exportTo only proxies of namespace weather know it, so requests of other callers and gateways do not follow the weights; remove exportTo, or add the namespaces of the callers',
    },
    {
      what: 'the subsets',
      bad: rule(`{host: forecast, exportTo: [weather], ${SUBSETS}}`),
      good: rule(`{host: forecast, exportTo: ["*"], ${SUBSETS}}`),
      says: 'DestinationRule weather/forecast: by exportTo only proxies of namespace weather know its subsets, so others that follow the routes to v2 get 503 (NC); give it the exportTo of the VirtualService',
    },
    {
      what: 'a rule that is not where the Service is',
      target: { destinationRule: 'shop/forecast' },
      bad: rule(`{host: forecast.weather.svc.cluster.local, ${SUBSETS}}`, ', namespace: shop'),
      good: '',
      says: 'DestinationRule shop/forecast: it is in namespace shop and the Service in weather, so only callers in shop know its subsets, and others get 503 (NC); move it to namespace weather',
    },
  ],
  HostHidden: [
    {
      what: 'by a Sidecar of its namespace',
      bad: 'kind: Sidecar\nmetadata: {name: default}\nspec: {egress: [{hosts: ["./other.weather.svc.cluster.local", "istio-system/*"]}]}',
      good: 'kind: Sidecar\nmetadata: {name: default}\nspec: {egress: [{hosts: ["./*.svc.cluster.local"]}]}',
      says: 'Sidecar weather/default: its egress does not import forecast.weather.svc.cluster.local, so calls from namespace weather do not follow the weights; add ./forecast.weather.svc.cluster.local to its egress hosts',
    },
  ],
  AutoscalerShrinks: [
    {
      what: 'of the stable version',
      bad: autoscaler('minReplicas: 1'),
      good: autoscaler('behavior: {scaleDown: {selectPolicy: Disabled}}'),
      says: 'HorizontalPodAutoscaler weather/forecast-v1: it may shrink v1 from 2 pods to 1 while traffic leaves, and they lack when it comes back; set minReplicas to 2 for the time of the rollout, or behavior.scaleDown.selectPolicy to Disabled',
    },
  ],
  TracingOff: [
    {
      what: 'nobody sends spans',
      rollout: SPANS,
      bad: '',
      good: telemetry('{providers: [{name: zipkin}], randomSamplingPercentage: 10}'),
      says: 'Rollout weather/forecast: gate p99 reads spans, and no Telemetry names a tracing provider, so it will have no data unless the mesh configuration sets tracing; create a Telemetry in namespace istio-system or weather with a tracing provider and a randomSamplingPercentage above 0',
    },
    {
      what: 'nothing is sampled',
      rollout: SPANS,
      bad: telemetry('{providers: [{name: zipkin}], randomSamplingPercentage: 0}'),
      good: together(
        telemetry('{providers: [{name: zipkin}], randomSamplingPercentage: 0}'),
        telemetry('{randomSamplingPercentage: 5}').replace('istio-system', 'weather'),
      ),
      says: 'Rollout weather/forecast: gate p99 reads spans, and the Telemetry for it samples 0 % of the requests, so it will have no data unless the mesh configuration sets tracing; create a Telemetry in namespace istio-system or weather with a tracing provider and a randomSamplingPercentage above 0',
    },
  ],
  HeadersNotForwarded: [
    {
      what: 'inside the mesh',
      rollout: HEADERS,
      bad: '',
      good: together(plain('gateways: [public], '), gateway('"*"')),
      says: 'Rollout weather/forecast: its header route looks at end-user, and calls from inside the mesh to forecast.weather.svc.cluster.local have that only if the applications pass it on; forward the header in every application between the user and it',
    },
  ],
};

describe('the mesh check', () => {
  it('R13: finds nothing in a mesh as it should be', () => {
    expect(found('')).toEqual([]);
  });

  const fixtures = Object.entries(FIXTURES).flatMap(([code, list]) =>
    list.map(fixture => ({ code: code as MeshCode, ...fixture })),
  );

  it.each(fixtures)('R13, R36: $code, $what', ({ code, bad, good, says, also = [], ...given }) => {
    const findings = found(bad, given);
    expect(findings.map(finding => finding.code)).toEqual([code, ...also].sort((a, b) => order(a) - order(b)));
    const [finding] = findings.filter(each => each.code === code);
    expect(`${finding?.object}: ${finding?.message}`).toBe(says);
    expect(finding?.severity).toBe(MESH_CHECKS[code].severity);
    expect(found(good, given).map(each => each.code)).not.toContain(code);
  });

  const order = (code: MeshCode): number => Object.keys(MESH_CHECKS).indexOf(code);

  it('R36: each message is two parts without a full stop: what it means, and how to mend it', () => {
    for (const { says } of fixtures) expect(says).toMatch(/^[^;]+[^.;]; [^;]+[^.;]$/);
  });
});
