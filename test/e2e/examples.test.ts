import { afterAll, beforeAll, inject } from 'vitest';
import type { Place } from '../examples/place.ts';
import { sandboxPlace } from '../examples/sandbox.ts';
import { exampleStories } from '../examples/stories.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let place: Place;

beforeAll(async () => {
  world = await openWorld();
  await world.controller();
  place = await sandboxPlace(world, inject('program'));
});
afterAll(() => world.close());

exampleStories('a sandbox', () => place);
