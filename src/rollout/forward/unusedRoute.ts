import type { Attempt } from '../situation.ts';

/**
 * R18: no weight says how many requests a header route should get, so none at all is all that can be told: what it may be
 * when no gate that counts requests has seen one. The end of a sentence.
 */
export const unusedRoute = ({ status: { traffic }, gates, weight }: Attempt): string => {
  if (traffic?.headerRoutes === undefined || weight > 0) return '';
  const counting = gates.filter(({ name, verdict }) => name !== 'unattributed' && verdict === 'NoData');
  const isUnused = counting.length > 0 && counting.every(({ samples = 0 }) => samples === 0);
  return isUnused
    ? '; likely causes: nobody sends what the header route asks for, or a service on the way does not forward the header'
    : '';
};
