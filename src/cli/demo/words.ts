import { colours } from '../terminal/colours.ts';

export const mark = (isRight: boolean): string => (isRight ? colours.green('ok ') : colours.red('BAD'));

/** `v1 0 / v2 100` */
export const weightsText = (weights: Readonly<Record<string, number>>): string =>
  Object.entries(weights)
    .map(([version, weight]) => `${version} ${weight}`)
    .join(' / ');
