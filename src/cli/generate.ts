import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type CliIo, EXIT } from './io.ts';

/** `sluice generate`: writes the files that are made from the code; for those who work on Sluice. */
export function createGenerateCommand(io: CliIo): Command {
  return new Command('generate').description('write templates/crd from the schema in the code').action(async () => {
    const [{ rolloutDefinitionYaml }, { packageRoot }] = await Promise.all([
      import('../adapters/spec/crd.ts'),
      import('../config/packageRoot.ts'),
    ]);
    const file = new URL('templates/crd/rollouts.sluice.dev.yaml', packageRoot());
    await writeFile(file, rolloutDefinitionYaml());
    io.out(`${fileURLToPath(file)} written\n`);
    io.exit(EXIT.done);
  });
}
