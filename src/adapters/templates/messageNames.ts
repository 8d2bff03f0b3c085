/** What a name in a template of a message stands for. */
export type Shape = 'text' | 'url' | { readonly each: 'text' | Readonly<Record<string, 'text' | 'url'>> };

/** The names that templates of messages may use; docs/templates.md says what each means. */
export const MESSAGE_NAMES = {
  kind: 'text',
  title: 'text',
  reason: 'text',
  type: 'text',
  message: 'text',
  phase: 'text',
  rollout: 'text',
  namespace: 'text',
  name: 'text',
  version: 'text',
  stable: 'text',
  revision: 'text',
  step: 'text',
  steps: 'text',
  weight: 'text',
  at: 'text',
  until: 'text',
  why: { each: 'text' },
  todo: { each: { text: 'text', command: 'text' } },
  gates: { each: { name: 'text', verdict: 'text', source: 'text', message: 'text' } },
  links: { each: { title: 'text', url: 'url' } },
  ask: 'text',
  askedStep: 'text',
  askedWeight: 'text',
  required: 'text',
  approvers: 'text',
  given: 'text',
} as const satisfies Readonly<Record<string, Shape>>;

type Item<Each> = Each extends 'text' ? string : { readonly [Field in keyof Each]: string };
type Value<Of> = Of extends { readonly each: infer Each } ? readonly Item<Each>[] : string;

/** A value for each name. */
export type MessageValues = { readonly [Name in keyof typeof MESSAGE_NAMES]: Value<(typeof MESSAGE_NAMES)[Name]> };
