/** One raw counter: labels and samples, oldest first. */
export type Series = { readonly labels: Readonly<Record<string, string>>; readonly samples: readonly Sample[] };

type Sample = { readonly atMs: number; readonly value: number };

/** What an instant query may come to. */
export type InstantValue = { readonly value: number } | { readonly none: string };

/** An answer that is JSON but does not have the shape of Prometheus' HTTP API. */
export class AnswerError extends Error {}

/** Raw series out of an answer of type matrix; samples that are not finite numbers are left out. Throws AnswerError. */
export function parseMatrix(body: unknown): readonly Series[] {
  const { resultType, result } = parseData(body);
  if (resultType !== 'matrix' || !Array.isArray(result)) {
    throw new AnswerError(`answered with a result of type ${JSON.stringify(resultType)} where a matrix was expected`);
  }
  return result.map(parseSeries);
}

/** One number out of an answer of type scalar or vector, or why there is none. Throws AnswerError. */
export function parseInstant(body: unknown): InstantValue {
  const { resultType, result } = parseData(body);
  if (resultType === 'scalar') return finite(parseSample(result).value);
  if (resultType === 'vector' && Array.isArray(result)) {
    if (result.length === 0) return { none: 'the query found no series' };
    if (result.length > 1) return { none: `the query found ${result.length} series, one is needed: add sum() or choose labels` };
    const only: unknown = result[0];
    if (isRecord(only) && 'value' in only) return finite(parseSample(only['value']).value);
    throw new AnswerError('answered with a series that has no value (a native histogram?)');
  }
  if (resultType === 'matrix' || resultType === 'string') {
    return { none: `the query is of type ${resultType}, one number is needed` };
  }
  throw new AnswerError(`answered with a result of unknown type ${JSON.stringify(resultType)}`);
}

/** Prometheus' own words for a refusal. */
export function describeRefusal(body: unknown): string | undefined {
  if (!isRecord(body) || typeof body['error'] !== 'string') return undefined;
  return typeof body['errorType'] === 'string' ? `${body['errorType']}: ${body['error']}` : body['error'];
}

function parseData(body: unknown): { readonly resultType: unknown; readonly result: unknown } {
  if (isRecord(body) && body['status'] === 'error') {
    throw new AnswerError(`reported an error: ${describeRefusal(body) ?? 'without saying which'}`);
  }
  const data = isRecord(body) && body['status'] === 'success' ? body['data'] : undefined;
  if (!isRecord(data)) throw new AnswerError('gave an answer that is not of the Prometheus HTTP API: is its URL right?');
  return { resultType: data['resultType'], result: data['result'] };
}

function parseSeries(entry: unknown): Series {
  if (!isRecord(entry) || !isRecord(entry['metric'])) throw new AnswerError('answered with a series without labels');
  const values: unknown = entry['values'] ?? [];
  if (!Array.isArray(values)) throw new AnswerError('answered with a series whose samples are not a list');
  const metric = entry['metric'];
  if (!isLabels(metric)) throw new AnswerError('answered with a label whose value is not a string');
  return { labels: metric, samples: values.map(parseSample).filter(sample => Number.isFinite(sample.value)) };
}

function isLabels(metric: Readonly<Record<string, unknown>>): metric is Readonly<Record<string, string>> {
  for (const name in metric) if (typeof metric[name] !== 'string') return false;
  return true;
}

function parseSample(pair: unknown): Sample {
  if (!Array.isArray(pair) || typeof pair[0] !== 'number' || typeof pair[1] !== 'string') {
    throw new AnswerError('answered with a sample that is not a pair of time and value');
  }
  return { atMs: Math.round(pair[0] * 1000), value: parseValue(pair[1]) };
}

/** Prometheus writes `+Inf`, `-Inf` and `NaN` where JavaScript's Number reads `Infinity`. */
function parseValue(text: string): number {
  if (text === '' || /Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

function finite(value: number): InstantValue {
  return Number.isFinite(value) ? { value } : { none: `the query's value is ${Number.isNaN(value) ? 'NaN (0/0?)' : 'infinite'}` };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
