import { Command, Option } from 'commander';
import type { ChannelName } from '../adapters/templates/channel.ts';
import {
  builtInFolder,
  builtInTemplates,
  type MessageTemplates,
  problemLine,
  readTemplates,
} from '../adapters/templates/messageFiles.ts';
import { createMessageFiller } from '../adapters/templates/messages.ts';
import { sampleMessages } from '../adapters/templates/samples.ts';
import { ConfigError } from '../config/load.ts';
import { MESSAGE_KINDS, type MessageKind } from '../rollout/index.ts';
import { readConfiguration } from './configuration.ts';
import { type CliIo, EXIT } from './io.ts';
import { formatted } from './terminal/output.ts';

type Where = { readonly config?: string; readonly templatesDir?: string };
type Check = Where & { readonly output: 'text' | 'json' | 'yaml' };
type Preview = Check & { readonly channel: ChannelName };

/** `sluice templates`: exit code 0 when every template can be used, 2 when one cannot, or an option is wrong. */
export const createTemplatesCommand = (io: CliIo): Command =>
  new Command('templates')
    .description('check templates of messages, or see what they make of samples')
    .addCommand(
      withOptions(new Command('check'))
        .description('tell everything that is wrong with the templates of a folder; without one, with the built-in ones')
        .action((options: Check) => guarded(io, () => check(io, options))),
    )
    .addCommand(
      withOptions(new Command('preview'))
        .description('fill the templates with samples: a usual one, a hostile one, one that says next to nothing')
        .argument('[kind]', `one of ${MESSAGE_KINDS.join(', ')}; default: all`)
        .addOption(
          new Option('--channel <channel>', 'whose marks and escapes are used').choices(['slack', 'text']).default('text'),
        )
        .action((kind: string | undefined, options: Preview) => guarded(io, () => preview(io, kind, options))),
    );

const withOptions = (command: Command): Command =>
  command
    .addOption(new Option('--config <file>', 'configuration file that names the folder (templatesDir)').conflicts('templatesDir'))
    .option('--templates-dir <folder>', 'folder with templates; they take the place of built-in ones')
    .addOption(new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json', 'yaml']).default('text'))
    .exitOverride();

const guarded = async (io: CliIo, act: () => Promise<void>): Promise<void> => {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.err(`${error.message}\n`);
    io.exit(EXIT.usage);
  }
};

/** The folder that is asked about; `undefined`: there is none of one's own. */
const folderOf = (io: CliIo, { config, templatesDir }: Where): string | undefined =>
  config === undefined ? templatesDir : readConfiguration(config, io.env, 'ignored').templatesDir;

const check = async (io: CliIo, options: Check): Promise<void> => {
  const folder = folderOf(io, options) ?? builtInFolder();
  const { templates, problems } = readTemplates(folder);
  const kinds = MESSAGE_KINDS.filter(kind => templates[kind] !== undefined);
  if (options.output !== 'text') io.out(await formatted({ folder, kinds, problems }, options.output));
  else for (const problem of problems) io.out(`${problemLine(problem)}\n`);
  if (options.output === 'text' && problems.length === 0) io.out(`${folder}: ${sentence(kinds)}\n`);
  io.exit(problems.length === 0 ? EXIT.done : EXIT.usage);
};

const sentence = (kinds: readonly MessageKind[]): string =>
  kinds.length === 0
    ? `no templates; all built-in ones are used (files are named ${MESSAGE_KINDS[0]}.hbs and so on)`
    : `${kinds.length} of ${MESSAGE_KINDS.length} kinds, nothing is wrong: ${kinds.join(', ')}`;

const preview = async (io: CliIo, kind: string | undefined, options: Preview): Promise<void> => {
  const kinds = MESSAGE_KINDS.filter(known => kind === undefined || known === kind);
  if (kinds.length === 0) {
    io.err(`there is no kind ${JSON.stringify(kind)} of messages, expected one of ${MESSAGE_KINDS.join(', ')}\n`);
    io.exit(EXIT.usage);
    return;
  }
  const folder = folderOf(io, options);
  const { templates, problems } = folder === undefined ? { templates: {}, problems: [] } : readTemplates(folder);
  for (const problem of problems) io.err(`${problemLine(problem)}\n`);
  const filled = fillAll(kinds, templates, options.channel);
  if (options.output !== 'text') io.out(await formatted(filled, options.output));
  else io.out(filled.map(({ kind: of, sample, text }) => `--- ${of}, ${sample}\n${text}\n`).join('\n'));
  io.exit(problems.length === 0 ? EXIT.done : EXIT.usage);
};

const fillAll = (kinds: readonly MessageKind[], own: MessageTemplates, channel: ChannelName) => {
  const fill = createMessageFiller();
  const templates = { ...builtInTemplates(), ...own };
  return kinds.flatMap(kind =>
    sampleMessages(kind).map(({ sample, message }) => {
      return { kind, sample, channel, file: templates[kind].file, text: fill(templates[kind], message, channel) };
    }),
  );
};
