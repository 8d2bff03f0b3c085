import { isObject, type Json, type JsonObject, listOf, stringOf } from '../kube/json.ts';
import { invalidBlocks } from './refusal.ts';

/** Limits and wording as Slack documents them for Block Kit; kinds of blocks that no message here needs are refused too. */

type Report = (problem: string, pointer: string) => void;
type Check = (value: Json | undefined, pointer: string, report: Report) => void;

const MAX_BLOCKS = 50;
const TEXT_TYPES: readonly (string | undefined)[] = ['mrkdwn', 'plain_text'];

const text =
  (max: number): Check =>
  (value, pointer, report) => {
    if (typeof value !== 'string') report('must be a string', pointer);
    else if (value.length === 0) report('must be more than 0 characters', pointer);
    else if (value.length > max) report(`must be less than ${max + 1} characters`, pointer);
  };

const oneOf =
  (...allowed: readonly string[]): Check =>
  (value, pointer, report) => {
    if (typeof value !== 'string' || !allowed.includes(value)) report(`must be one of: ${allowed.join(', ')}`, pointer);
  };

const flag: Check = (value, pointer, report) => {
  if (typeof value !== 'boolean') report('must be a boolean', pointer);
};

const anyWebUrl: Check = (value, pointer, report) => {
  if (typeof value !== 'string' || !/^https?:\/\//.test(value) || value.length > 3_000) report('must be a valid url', pointer);
};

/** An object with these members and no others; `type` is known already. */
const members =
  (required: { readonly [key: string]: Check }, optional: { readonly [key: string]: Check } = {}): Check =>
  (value, pointer, report) => {
    if (!isObject(value)) return report('must be an object', pointer);
    for (const [key, member] of Object.entries(value)) {
      const check = required[key] ?? optional[key];
      if (check) check(member, `${pointer}/${key}`, report);
      else if (key !== 'type') report(`invalid additional property: ${key}`, pointer);
    }
    for (const key of Object.keys(required)) if (value[key] === undefined) report(`missing required field: ${key}`, pointer);
  };

const list =
  (max: number, item: Check): Check =>
  (value, pointer, report) => {
    if (!Array.isArray(value)) return report('must be an array', pointer);
    if (value.length === 0) report('no fewer than 1 items', pointer);
    if (value.length > max) report(`no more than ${max} items allowed`, pointer);
    for (const [index, member] of value.entries()) item(member, `${pointer}/${index}`, report);
  };

/** A text object of one of the types. */
const textObject =
  (max: number, types: readonly (string | undefined)[] = TEXT_TYPES): Check =>
  (value, pointer, report) => {
    if (!isObject(value) || !types.includes(stringOf(value['type']))) return report(`must be ${types.join(' or ')}`, pointer);
    const optional = value['type'] === 'mrkdwn' ? { verbatim: flag } : { emoji: flag };
    members({ text: text(max) }, optional)(value, pointer, report);
  };

const plain = (max: number): Check => textObject(max, ['plain_text']);

const confirm = members(
  { title: plain(100), text: textObject(300) },
  { confirm: plain(30), deny: plain(30), style: oneOf('primary', 'danger') },
);

const button = members(
  { text: plain(75) },
  {
    action_id: text(255),
    value: text(2_000),
    url: anyWebUrl,
    style: oneOf('primary', 'danger'),
    accessibility_label: text(75),
    confirm,
  },
);
const image = members({ image_url: anyWebUrl, alt_text: text(2_000) });

/** One of these, told apart by `type`. */
const kinds =
  (known: { readonly [type: string]: Check }): Check =>
  (value, pointer, report) => {
    const type = isObject(value) ? stringOf(value['type']) : undefined;
    const check = type !== undefined && Object.hasOwn(known, type) ? known[type] : undefined;
    if (check) check(value, pointer, report);
    else report(`unsupported type: ${type ?? 'none'}`, `${pointer}/type`);
  };

const block_id = text(255);
const inContext: Check = (value, pointer, report) => {
  if (isObject(value) && value['type'] === 'image') image(value, pointer, report);
  else textObject(3_000)(value, pointer, report);
};

const section: Check = (value, pointer, report) => {
  const optional = { text: textObject(3_000), fields: list(10, textObject(2_000)), expand: flag };
  members({}, { ...optional, accessory: kinds({ button, image }), block_id })(value, pointer, report);
  if (isObject(value) && value['text'] === undefined && value['fields'] === undefined)
    report('must define either `text` or `fields`', pointer);
};

const block = kinds({
  section,
  header: members({ text: plain(150) }, { block_id }),
  divider: members({}, { block_id }),
  context: members({ elements: list(10, inContext) }, { block_id }),
  actions: members({ elements: list(25, kinds({ button })) }, { block_id }),
  image: members({ image_url: anyWebUrl, alt_text: text(2_000) }, { title: plain(2_000), block_id }),
});

/** What a button is told apart by, with where it stands. */
function actionsOf(item: Json, pointer: string): readonly { readonly id: string; readonly pointer: string }[] {
  if (!isObject(item)) return [];
  const elements = item['type'] === 'actions' ? listOf(item['elements']) : [item['accessory'] ?? null];
  return elements.flatMap((element, index) => {
    const id = isObject(element) ? stringOf(element['action_id']) : undefined;
    return id === undefined ? [] : [{ id, pointer: `${pointer}/elements/${index}` }];
  });
}

function reportRepeats(blocks: readonly Json[], report: Report): void {
  const seen = new Set<string>();
  for (const [index, item] of blocks.entries()) {
    const pointer = `/blocks/${index}`;
    const own = isObject(item) ? stringOf(item['block_id']) : undefined;
    if (own !== undefined && seen.has(`block ${own}`)) report(`block_id ${own} already exists`, pointer);
    if (own !== undefined) seen.add(`block ${own}`);
    for (const { id, pointer: where } of actionsOf(item, pointer)) {
      if (seen.has(`action ${id}`)) report(`action_id ${id} already exists`, where);
      seen.add(`action ${id}`);
    }
  }
}

/** The blocks as Slack keeps them, each with a `block_id`, each button with an `action_id`. Throws `invalid_blocks` and its kin. */
export function readBlocks(blocks: readonly Json[], freshId: () => string): JsonObject[] {
  const problems: string[] = [];
  const report: Report = (problem, pointer) => void problems.push(`${problem} [json-pointer:${pointer}]`);
  if (blocks.length > MAX_BLOCKS) report(`no more than ${MAX_BLOCKS} items allowed`, '/blocks');
  for (const [index, item] of blocks.entries()) block(item, `/blocks/${index}`, report);
  reportRepeats(blocks, report);
  if (problems.length > 0) throw invalidBlocks(problems);
  const named = (item: Json): Json => (isObject(item) && item['type'] === 'button' ? { action_id: freshId(), ...item } : item);
  return blocks.filter(isObject).map(item => ({
    block_id: freshId(),
    ...item,
    ...(item['accessory'] === undefined ? {} : { accessory: named(item['accessory']) }),
    ...(item['type'] === 'actions' ? { elements: listOf(item['elements']).map(named) } : {}),
  }));
}
