import { describe, it, type TestContext } from 'vitest';
import { bookinfoUser, bookinfoUserDeleted, bookinfoWeights } from './bookinfo.ts';
import { BINDINGS, bound } from './gateways.ts';
import { httpbinMirror, httpbinMirrorBad } from './httpbin.ts';
import { meshCare } from './meshCare.ts';
import type { Place } from './place.ts';
import { abTest, blueGreen, canary, rollingUpdate, sticky } from './styles.ts';
import { weatherContent, weatherExperiment, weatherWeights } from './weather.ts';
import { zipkinLatency } from './zipkin.ts';

type Tell = (place: Place, namespace: string) => Promise<void>;

/** Each in the namespace of its name. */
const STORIES: Readonly<Record<string, readonly [Tell, string]>> = {
  'ex-weights': [weatherWeights, 'R21: weather-weights: 50 %, then all, and v1 leaves the route'],
  'ex-content': [weatherContent, 'R28: weather-content: Chrome gets v2, everybody else v1, until somebody decides'],
  'ex-experiment': [
    weatherExperiment,
    'R28: weather-content, the variant: the experiment ends by itself, and nothing of it is left',
  ],
  'ex-reviews': [bookinfoWeights, 'R28: bookinfo-weights: v1 to v2, and v2 to v3, with three subsets'],
  'ex-jason': [bookinfoUser, 'R28: bookinfo-user: jason gets v2, also while half of the others have it'],
  'ex-jason-deleted': [bookinfoUserDeleted, 'R30: bookinfo-user, the others on v3: deleted, it leaves the routes as they were'],
  'ex-mirror': [httpbinMirror, 'R28: httpbin-mirror: v2 is judged by copies before it gets a real request'],
  'ex-mirror-bad': [httpbinMirrorBad, 'R17, R30: httpbin-mirror: a bad version is seen by nobody; deleted, no mirror is left'],
  'ex-latency': [zipkinLatency, 'R17: zipkin-latency: spans tell a slow version, and let a quick one pass'],
  'ex-canary': [canary, 'R23, R30: release-styles, canary: bad, deleted, and good'],
  'ex-sticky': [
    sticky,
    'R23, R28, R30: release-styles, canary with a cookie: bad, deleted, and good, and nobody changes sides twice',
  ],
  'ex-blue-green': [blueGreen, 'R10, R23, R30: release-styles, blue/green: bad, deleted, good, and back in one write'],
  'ex-ab-test': [abTest, 'R23, R30: release-styles, A/B test: bad, deleted, and good'],
  'ex-rolling': [rollingUpdate, 'R13: release-styles, rolling update: waits for pods, then goes by quarters'],
  'ex-care': [meshCare, 'R13: mesh-care: what is broken is found before traffic moves, and nothing else'],
  ...Object.fromEntries(
    Object.entries(BINDINGS).map(([name, binding]) => [
      `ex-${name}`,
      [(place: Place, namespace: string) => bound(place, namespace, binding), `R29: gateway: ${binding.mesh}`],
    ]),
  ),
};

/** A test that is tried again has a namespace that nobody has used. */
const ATTEMPTS = ['', '-again'];

/** Where the stories are told, for a controller that has to know. */
export const NAMESPACES: readonly string[] = Object.keys(STORIES).flatMap(name => ATTEMPTS.map(attempt => `${name}${attempt}`));

/** Every example comes to its end at this place, as its users see it. All of them side by side. */
export function exampleStories(where: string, place: () => Place): void {
  describe.concurrent(`examples in ${where}`, () => {
    for (const [name, [tell, sentence]] of Object.entries(STORIES))
      it(sentence, ({ task }: TestContext) => tell(place(), `${name}${ATTEMPTS[task.result?.retryCount ?? 0]}`));
  });
}
