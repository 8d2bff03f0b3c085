import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { APP_HOST, SCENARIOS, type Scenario } from './scenario.ts';

interface Flags {
  readonly portBase: number;
  readonly scenario: Scenario;
  readonly kubeconfig?: string;
  readonly rate?: number;
  readonly json?: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number, 0 or more');
  return value;
}

function parseFlags(): Flags {
  return new Command('sandbox')
    .description('a small Kubernetes API, mesh, traffic, Prometheus, Zipkin and chat on loopback')
    .option(
      '--port-base <n>',
      'first of six ports in a row: Kubernetes API, gateway, Prometheus, Zipkin, control, chat; 0 takes free ones',
      wholeNumber,
      0,
    )
    .addOption(new Option('--scenario <name>', 'what is set up').choices(SCENARIOS).default('weather'))
    .option('--kubeconfig <file>', 'where to write the kubeconfig (default: a temporary folder)')
    .option('--rate <n>', 'load in requests per second, 0 for none (default: 40, in the empty scenario 0)', wholeNumber)
    .option('--json', 'one JSON line instead of a table')
    .exitOverride()
    .parse()
    .opts<Flags>();
}

function announce(sandbox: Sandbox, json: boolean): void {
  const { urls, kubeconfigPath } = sandbox;
  const app = `${urls.gateway}/`;
  if (json) {
    console.log(JSON.stringify({ event: 'ready', kubeconfig: kubeconfigPath, ...urls, app, pid: process.pid }));
    return;
  }
  const rows: readonly [string, string][] = [
    ['Weather Forecast', app],
    ['gateway', `${urls.gateway}  (Host: ${APP_HOST})`],
    ['Kubernetes API', urls.api],
    ['Prometheus', urls.prometheus],
    ['Zipkin', urls.zipkin],
    ['chat', `${urls.chat}  (an inbox with buttons; like Slack below /api)`],
    ['control', `${urls.control}  (GET /stats, /chat, POST /faults, /load, /outage, /people, /chat)`],
    ['kubeconfig', kubeconfigPath],
  ];
  const { bold, dim } = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);
  for (const [name, value] of rows) console.log(`${bold(name.padEnd(17))} ${value}`);
  console.log(dim(`\nTry: kubectl --kubeconfig ${kubeconfigPath} get virtualservices,deployments,pods`));
}

async function run(): Promise<void> {
  const flags = parseFlags();
  const sandbox = await startSandbox({
    portBase: flags.portBase,
    scenario: flags.scenario,
    ...(flags.rate === undefined ? {} : { rate: flags.rate }),
    ...(flags.kubeconfig ? { kubeconfigPath: flags.kubeconfig } : {}),
  });
  const stop = () => void sandbox.close().finally(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  announce(sandbox, flags.json === true);
}

run().catch((error: unknown) => {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
