import { z } from 'zod';
import { matching, named } from '../../config/yaml/fields.ts';

/** Building blocks of the schema; their bounds also keep the cost of the API server's own rules small. */

const LABEL_VALUE = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const HOST = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const OBJECT_NAME = /^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\/)?[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
const SHORT_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** Five fields; their values are checked where they are read. */
const CRON_MINUTES = /^[0-9*,/-]+(?: +[0-9A-Za-z*,/-]+){4}$/;

export const labelValue = (expected: string) =>
  matching(LABEL_VALUE, 63, `${expected} (a label value: letters, digits, "-", "_", ".")`);
export const labelKey = () => matching(LABEL_KEY, 317, 'the key of a pod label');
export const host = () =>
  matching(HOST, 253, 'a host name in lower case, such as forecast or forecast.weather.svc.cluster.local');
export const objectName = (kind: string) => matching(OBJECT_NAME, 317, `the name of a ${kind}, optionally as namespace/name`);
export const shortName = (of: string) =>
  matching(SHORT_NAME, 63, `the name of ${of}: lower-case letters, digits and "-", at most 63`);
export const cronMinutes = () => matching(CRON_MINUTES, 128, 'a cron expression with five fields, such as "* 18-23 * * 5"');

/** A number within bounds that belong to it. */
export const numberFrom = (min: number, max: number) =>
  z
    .number({ error: `expected a number from ${min} to ${max}` })
    .min(min)
    .max(max);

export const anyNumber = () => z.number({ error: 'expected a number' });

/** A share of requests, as in "99 % are faster". */
export const percentile = () => z.number({ error: 'expected a number between 0 and 100, such as 99' }).gt(0).lt(100);

export const list = <T extends z.ZodType>(item: T, min: number, max: number) =>
  z
    .array(item, { error: `expected a list of ${min} to ${max} items` })
    .min(min)
    .max(max);

/** What belongs to another product's API and is passed on as it stands. */
export const freeForm = () => named(z.unknown()).meta({ 'x-kubernetes-preserve-unknown-fields': true });
