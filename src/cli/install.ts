import { readdir, readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { packageRoot } from '../config/packageRoot.ts';
import { type CliIo, EXIT } from './io.ts';

type Options = { readonly namespace: string; readonly image?: string };

/** `sluice install`: prints what a cluster needs, for `kubectl apply -f -`; exit code 2 when an option cannot be used. */
export function createInstallCommand(io: CliIo): Command {
  return new Command('install')
    .description('print CRD, RBAC, Deployment and Service for `kubectl apply -f -`')
    .option('-n, --namespace <namespace>', 'namespace of the controller; it is printed too', 'sluice-system')
    .option('--image <reference>', 'image of the controller; default: sluice with the version of this program as tag')
    .action(async (options: Options) => {
      const problem = problemOf(options);
      if (problem === undefined) io.out(await manifests(options));
      else io.err(`${problem}\n`);
      io.exit(problem === undefined ? EXIT.done : EXIT.usage);
    });
}

function problemOf({ namespace, image }: Options): string | undefined {
  if (!/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    return `--namespace is ${JSON.stringify(namespace)}, expected lower-case letters, digits and "-", at most 63`;
  }
  if (image !== undefined && !/^[A-Za-z0-9][\w.\-/:@]*$/.test(image)) {
    return `--image is ${JSON.stringify(image)}, expected an image reference such as registry.example.com/sluice:1.0.0`;
  }
  return undefined;
}

/** All manifests as one YAML text, in the order in which they have to be applied. */
async function manifests({ namespace, image }: Options): Promise<string> {
  const { default: Handlebars } = await import('handlebars');
  const root = packageRoot();
  const { version } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as { version: string };
  const handlebars = Handlebars.create();
  handlebars.registerHelper('quoted', (text: string) => JSON.stringify(text));
  const values = { namespace, version, image: image ?? `sluice:${version}` };

  const folder = new URL('templates/install/', root);
  const names = (await readdir(folder)).filter(name => name.endsWith('.yaml.hbs')).sort();
  const documents = [await readFile(new URL('templates/crd/rollouts.sluice.dev.yaml', root), 'utf8')];
  for (const name of names) {
    const template = await readFile(new URL(name, folder), 'utf8');
    documents.push(handlebars.compile(template, { strict: true, noEscape: true })(values));
  }
  return documents.map(document => `---\n${document.trimEnd()}\n`).join('');
}
