import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { EXAMPLES, manifestFiles } from '../examples/folder.ts';
import type { Place } from '../examples/place.ts';
import { exampleStories, NAMESPACES } from '../examples/stories.ts';
import { openBed } from './bed/bed.ts';
import { run } from './bed/command.ts';
import { type Caller, startCaller } from './caller.ts';
import { type ControllerProcess, startController } from './controllerProcess.ts';
import { realPlace } from './examplesPlace.ts';
import { installSluice } from './installed.ts';

const bed = openBed(inject('bedDirectory'));
/** Of services that are called from inside the mesh. */
const PORTS = [3_002, 9_080];

describe.runIf(bed.has('envoy', 'prometheus', 'zipkin'))('the files of the examples', () => {
  let controller: ControllerProcess;
  let caller: Caller;
  let place: Place;

  beforeAll(async () => {
    // it keeps the spans of all stories before these, and is slow by them
    await bed.stop('zipkin');
    await bed.start('zipkin');
    const kubeconfig = await installSluice(bed);
    caller = await startCaller(bed, PORTS);
    controller = await startController(bed, { port: 'controller', kubeconfig, namespaces: NAMESPACES, leaderElection: false });
    place = realPlace(bed, caller);
  });

  afterAll(async () => {
    await controller.stop();
    await caller.stop();
    const telemetries = '/apis/telemetry.istio.io/v1/namespaces/istio-system/telemetries';
    // they are there only if their example was run
    await Promise.allSettled(['mesh-default', 'ingress-tracing'].map(name => bed.kubernetes.delete(`${telemetries}/${name}`)));
  });

  exampleStories('a real mesh', () => place);
});

describe.runIf(bed.has('istiod'))('the API server, and the webhook of istiod,', () => {
  const kubectl = (...args: readonly string[]) => run(bed.kubectl, ['--kubeconfig', bed.kubeconfig, ...args]);

  beforeAll(async () => {
    await installSluice(bed);
    for (const namespace of ['weather', 'bookinfo', 'httpbin'])
      await bed.kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  });

  it.each(manifestFiles())('accept %s as it is', async file => {
    const said = await kubectl('apply', '--dry-run=server', '--validate=strict', '--filename', join(EXAMPLES, file));
    const objects = readFileSync(join(EXAMPLES, file), 'utf8').match(/^kind: /gm)?.length ?? 0;
    expect(said.match(/ (created|configured|unchanged) \(server dry run\)$/gm)).toHaveLength(objects);
  });
});
