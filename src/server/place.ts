import { Problem } from './problem.ts';

/** Where an object is. */
export type Place = { readonly namespace: string; readonly name: string };

const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const NAMESPACE = new RegExp(`^${LABEL}$`);
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

export const unknownRollout = (): Problem => new Problem(404, 'there is no such Rollout');

/** A Rollout that somebody names; throws Problem 404 for what can be no name. */
export const placeOf = (namespace: string | undefined, name: string | undefined): Place => {
  if (namespace === undefined || name === undefined || !NAMESPACE.test(namespace) || !NAME.test(name)) throw unknownRollout();
  return { namespace, name };
};

export const keyOf = ({ namespace, name }: Place): string => `${namespace}/${name}`;
