import { expect } from 'vitest';
import type { User } from './crowd.ts';
import { endsWith } from './endings.ts';
import { addressIn } from './folder.ts';
import type { Place } from './place.ts';
import { openStory, type Seen } from './story.ts';

const PORT = 3002;

/** How a VirtualService is bound, and who takes the routes that it has. */
interface Binding {
  readonly mesh: string;
  readonly rollout: string;
  readonly virtualService: string;
  readonly users: readonly ('outside' | 'inside' | 'tester')[];
  /** Its routes in each step, and what the users get. */
  readonly steps: readonly (readonly [string, Seen])[];
}

const BOTH = ['v1', 'v2'] as const;
const HALF = 'v1 50, v2 50';

export const BINDINGS: Readonly<Record<string, Binding>> = {
  'gateway-only': {
    mesh: '2-gateway-only.yaml',
    rollout: 'rollout.yaml',
    virtualService: 'forecast',
    users: ['outside'],
    steps: [[HALF, { outside: BOTH }]],
  },
  'mesh-only': {
    mesh: '2-mesh-only.yaml',
    rollout: 'rollout.yaml',
    virtualService: 'forecast',
    users: ['inside'],
    steps: [[HALF, { inside: BOTH }]],
  },
  both: {
    mesh: '2-both.yaml',
    rollout: 'rollout.yaml',
    virtualService: 'forecast',
    users: ['outside', 'inside'],
    steps: [[HALF, { outside: BOTH, inside: BOTH }]],
  },
  'two-objects': {
    mesh: '2-two-objects.yaml',
    rollout: 'rollout-two-objects.yaml',
    virtualService: 'forecast-outside',
    users: ['outside', 'inside'],
    steps: [[HALF, { outside: BOTH, inside: BOTH }]],
  },
  delegate: {
    mesh: '2-delegate.yaml',
    rollout: 'rollout-delegate.yaml',
    virtualService: 'forecast-routes',
    users: ['outside', 'tester'],
    steps: [
      ['chosen: v2; v1', { outside: ['v1'], tester: ['v2'] }],
      [`chosen: v2; ${HALF}`, { outside: BOTH, tester: ['v2'] }],
    ],
  },
};

const userOf = (place: Place, namespace: string, name: Binding['users'][number]): User => {
  const path = '/forecast/today';
  if (name === 'inside') return { name, path, url: place.meshUrl(PORT), host: `forecast.${namespace}.svc.cluster.local:${PORT}` };
  const headers = name === 'tester' ? { 'x-tester': 'yes' } : {};
  return { name, path, headers, url: place.gatewayUrl, host: addressIn(namespace, 'forecast') };
};

/** System 9: however the routes are bound, everybody who takes them moves from v1 to v2, and nobody gets an error. */
export async function bound(place: Place, namespace: string, binding: Binding): Promise<void> {
  const story = await openStory(place, {
    namespace,
    files: ['gateway/1-workloads.yaml', `gateway/${binding.mesh}`],
    users: binding.users.map(name => userOf(place, namespace, name)),
    virtualService: binding.virtualService,
  });
  try {
    const before = await story.mesh();
    await story.roll(`gateway/${binding.rollout}`, { isHeld: true });
    for (const [shape, seen] of binding.steps) {
      await story.sees(shape, seen);
      await story.ask('promote');
    }
    await endsWith(story, 'v2', before);
    expect(story.shapes()).toEqual(['v1', ...binding.steps.map(([shape]) => shape), 'v2']);
  } finally {
    story.close();
  }
}
