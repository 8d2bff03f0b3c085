import { type Fields, fields, isPresent, list, numeric, text, texts } from './json.ts';
import { withFullNames } from './names.ts';
import { linesOf, type MeshRequest } from './request.ts';
import { askedOf, satisfies } from './stringMatch.ts';

const fitsALine = (match: unknown, lines: readonly string[]) => lines.some(line => satisfies(match, line));

/** A header that is missing counts as an empty one, except where presence is asked. */
function isWithout(match: unknown, lines: readonly string[]): boolean {
  const isEmpty = lines.length === 0 && askedOf(match).kind !== 'present';
  return !fitsALine(match, isEmpty ? [''] : lines);
}

/** Whether a block is for this proxy at all. One that names gateways does not look at the labels and the namespace of the caller. */
function concernsProxy(block: Fields, request: MeshRequest): boolean {
  if (![undefined, 0, request.port].includes(numeric(block['port']))) return false;
  const gateways = list(block['gateways']);
  if (gateways.length > 0) return gateways.includes(request.gateway ?? 'mesh');
  const labels = request.sourceLabels ?? {};
  const isFrom = Object.entries(texts(block['sourceLabels'])).every(([key, value]) => labels[key] === value);
  return isFrom && ['', request.sourceNamespace].includes(text(block['sourceNamespace']));
}

const MESSAGE_PARTS = [
  ['method', ':method'],
  ['scheme', ':scheme'],
  ['authority', ':authority'],
] as const;

function holds(block: Fields, request: MeshRequest): boolean {
  const every = (part: string, check: (name: string, match: unknown) => boolean) =>
    Object.entries(fields(block[part])).every(([name, match]) => check(name, match));
  const path = request.path ?? '/';
  return (
    (!isPresent(block['uri']) || satisfies(block['uri'], path, block['ignoreUriCase'] === true)) &&
    MESSAGE_PARTS.every(([part, header]) => !isPresent(block[part]) || fitsALine(block[part], linesOf(request, header))) &&
    every('headers', (name, match) => fitsALine(match, linesOf(request, name))) &&
    every('withoutHeaders', (name, match) => isWithout(match, linesOf(request, name))) &&
    every('queryParams', (name, match) => satisfies(match, request.query?.[name])) &&
    concernsProxy(block, request)
  );
}

/** Blocks are alternatives, the fields of one must all hold; no block is always true. Short names of gateways are meant in `namespace`. */
export function matches(route: Fields, request: MeshRequest, namespace = ''): boolean {
  const blocks = list(withFullNames(route, namespace)['match']);
  return blocks.length === 0 || blocks.some(block => holds(fields(block), request));
}

/** Whether a route is for the proxy of this request, whatever is asked. */
export function concerns(route: Fields, request: MeshRequest): boolean {
  const blocks = list(route['match']);
  return blocks.length === 0 || blocks.some(block => concernsProxy(fields(block), request));
}

/** Whether a block asks for nothing that a request could lack: what follows it can never be reached. */
function isCatchAllBlock(block: Fields): boolean {
  const uri = fields(block['uri']);
  const asked = ['headers', 'withoutHeaders', 'queryParams'].some(part => Object.keys(fields(block[part])).length > 0);
  const anyPath = !isPresent(block['uri']) || uri['prefix'] === '/' || uri['regex'] === '.*' || Object.keys(uri).length === 0;
  return anyPath && !asked && !MESSAGE_PARTS.some(([part]) => isPresent(block[part]));
}

/** Whether a route takes this request by a block that takes everything; those stand last where several VirtualServices share a gateway's host. */
export function takesAll(route: Fields, request: MeshRequest): boolean {
  const blocks = list(route['match']).map(fields);
  const first = blocks.find(block => holds(block, request));
  return blocks.length === 0 || (first !== undefined && isCatchAllBlock(first));
}
