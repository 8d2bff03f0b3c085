import { expect } from 'vitest';
import { rolloutObject, rolloutsOf, routingObjects } from '../objects.ts';
import { quiet } from '../scene.ts';
import type { SecurityWorld } from '../world.ts';
import type { Stage, StoryGroup } from './story.ts';

/** Nobody needs to agree: what is tried here is tried by whoever may write Rollouts in the namespace `market` only. */
const ASKED = { approvers: ['user:mallory'] };
const HOST = 'forecast.meteo.svc.cluster.local';

const rolloutWith = (name: string, spec: object): object => {
  const object = rolloutObject('market', name, ASKED) as { readonly spec: object };
  return { ...object, spec: { ...object.spec, strategy: { canary: { steps: [{ setWeight: 100 }] } }, ...spec } };
};

/** All objects of the namespace `meteo` that somebody in `market` could be after. */
const meteo = async ({ api }: SecurityWorld): Promise<object> => {
  const paths = [
    '/apis/networking.istio.io/v1/namespaces/meteo/virtualservices',
    '/apis/networking.istio.io/v1/namespaces/meteo/destinationrules',
    '/apis/apps/v1/namespaces/meteo/deployments',
  ];
  const lists = await Promise.all(paths.map(path => api.get(path)));
  return lists.flatMap(({ body }) =>
    (body.items as readonly Stored[]).filter(({ metadata }) => !/^story/.test(metadata.name)).map(({ spec }) => spec),
  );
};

type Stored = { readonly metadata: { readonly name: string }; readonly spec: object };

/** Refused with these words, and nothing in the other namespace is any different. */
const refused = (name: string, spec: object, words: RegExp): StoryGroup['stories'][number] => ({
  name,
  asked: ASKED,
  run: async ({ world, place }: Stage) => {
    const thief = `thief-of-${place.name}`;
    const before = await meteo(world);
    for (const { path, body } of routingObjects('market', thief)) await world.api.post(path, body);
    expect((await world.api.post(rolloutsOf('market'), rolloutWith(thief, spec))).code).toBe(201);
    const { message } = await world.reaches({ namespace: 'market', name: thief }, ({ phase }) => phase !== undefined, 'a status');
    expect(message).toMatch(words);
    await quiet(world);
    expect(await meteo(world)).toEqual(before);
  },
});

export const OTHER_NAMESPACES: StoryGroup = {
  group: 'objects of other namespaces',
  stories: [
    refused(
      'a VirtualService of another namespace, by name',
      { host: HOST, router: { istio: { virtualServices: ['meteo/forecast'] } } },
      /sluice\.dev\/allow: market/,
    ),
    refused('a VirtualService of another namespace, by its host', { host: HOST }, /sluice\.dev\/allow: market/),
    refused(
      'a DestinationRule of another namespace',
      { router: { istio: { destinationRule: 'meteo/forecast' } } },
      /sluice\.dev\/allow: market|is for host/,
    ),
  ],
};
