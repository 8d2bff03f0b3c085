import { Command, Option } from 'commander';
import { type Difference, decodeRecord, type EvidenceRecord, replay } from '../rollout/index.ts';
import { type CliIo, EXIT } from './io.ts';
import { type Found, readRecords, type Unreadable } from './replay/read.ts';
import { formatted } from './terminal/output.ts';

type Options = { readonly output: 'text' | 'json' | 'yaml' };

/** One record, decided again. */
type Replayed = {
  readonly where: string;
  readonly digest: string;
  readonly record: EvidenceRecord;
  readonly differences: readonly Difference[];
};

/**
 * `sluice replay RECORD...`: exit code 0 every decision comes out as recorded, 1 one does not, 2 something cannot be read.
 * `standardInput` is what `-` stands for.
 */
export function createReplayCommand(io: CliIo, standardInput: () => Promise<Uint8Array> = readStandardInput): Command {
  return new Command('replay')
    .description('decide again from stored evidence, and compare')
    .argument('<record...>', 'records (.json, .json.gz), folders with such files, ConfigMaps with evidence (YAML or JSON), or -')
    .addOption(
      new Option('-o, --output <format>', 'how the outcome is written').choices(['text', 'json', 'yaml']).default('text'),
    )
    .action(async (inputs: readonly string[], { output }: Options) => {
      const read = (await Promise.all(inputs.map(input => readRecords(input, standardInput)))).flat();
      const decided = read.map(item => ('problem' in item ? item : decideAgain(item)));
      const unreadable = decided.filter(item => 'problem' in item);
      const replayed = decided.filter(item => 'record' in item);
      for (const { where, problem } of unreadable) io.err(`${plain(`${where}: ${problem}`)}\n`);
      io.out(output === 'text' ? replayed.map(asText).join('') : await formatted(asObject(replayed, unreadable), output));
      const isSame = replayed.every(item => realDifferences(item).length === 0);
      io.exit(unreadable.length > 0 ? EXIT.usage : isSame ? EXIT.done : EXIT.no);
    });
}

async function readStandardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function decideAgain({ where, digest, text }: Found): Replayed | Unreadable {
  const read = decodeRecord(text);
  if ('problem' in read) return { where, problem: read.problem };
  try {
    return { where, digest, record: read.record, differences: replay(read.record) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { where, problem: `cannot be decided again (${reason}), expected a whole record as the controller wrote it` };
  }
}

function asText({ where, digest, record, differences }: Replayed): string {
  const { at, action, rollout, decision, controller } = record;
  const { attempt = 0 } = decision.status;
  const what = `${rollout.namespace}/${rollout.name} attempt ${attempt} ${action}${shareOf(record)} (${reasonOf(record)})`;
  const isSame = realDifferences({ record, differences }).length === 0;
  const inWords = differences.length === 0 ? '' : `, in other words than ${controller} had`;
  const outcome = isSame ? `same${inWords}` : `DIFFERENT, recorded by ${controller}`;
  return [`${at} ${what}: ${outcome} [${digest.slice(0, 12)}] ${where}`, ...differences.map(line)]
    .map(text => `${plain(text)}\n`)
    .join('');
}

/** What one build says in other words than another one is the same decision; within one build it is a difference. */
const realDifferences = ({ record, differences }: Pick<Replayed, 'record' | 'differences'>): readonly Difference[] =>
  record.controller === __SLUICE_VERSION__ ? differences : differences.filter(({ path }) => !WORDS.test(path));

/** Fields that are for people only, and what builds before this one did not note. */
const WORDS = /\.(?:message|outcome|troubledAt)$|^decision\.status\.(?:since|answered)\b/;

/** One line without commands to the terminal: records may come from anywhere. */
const plain = (text: string): string => text.replace(/[\p{C}\u2028\u2029]+/gu, ' ');

/** What the new version is to get by this decision, else what it has while an attempt is in progress. */
function shareOf({ decision: { actions, status } }: EvidenceRecord): string {
  const [write] = actions.filter(action => action.kind === 'setTraffic');
  if (write !== undefined) return ` to ${write.weight}%`;
  return status.step === undefined ? '' : ` at ${status.traffic?.weight ?? 0}%`;
}

/** Why traffic was moved stands in the position; else why the Rollout is where it is. */
function reasonOf({ decision: { actions, status } }: EvidenceRecord): string {
  const [write] = actions.filter(action => action.kind === 'setTraffic');
  return write?.position.reason ?? status.reason;
}

const line = (difference: Difference): string =>
  `  ${difference.path}: recorded ${shown(difference, 'recorded')}, now ${shown(difference, 'now')}`;

function shown(difference: Difference, side: 'recorded' | 'now'): string {
  if (!(side in difference)) return 'nothing';
  const value = difference[side];
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function asObject(replayed: readonly Replayed[], unreadable: readonly Unreadable[]): object {
  const records = replayed.map(({ where, digest, record, differences }) => ({
    where,
    digest,
    at: record.at,
    rollout: `${record.rollout.namespace}/${record.rollout.name}`,
    attempt: record.decision.status.attempt ?? 0,
    action: record.action,
    reason: reasonOf(record),
    message: record.decision.status.message,
    controller: record.controller,
    same: differences.length === 0,
    differences,
  }));
  const same = unreadable.length === 0 && records.every(record => record.same);
  return { same, records, unreadable };
}
