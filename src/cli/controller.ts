import { Command, Option } from 'commander';
import { pino } from 'pino';
import { MissingError, runController } from '../compose.ts';
import { type Config, ConfigError } from '../config/load.ts';
import { SystemError } from '../controller/ports.ts';
import { readConfiguration } from './configuration.ts';
import { type CliIo, EXIT } from './io.ts';

type Options = {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly listen?: string;
  readonly hooksListen?: string;
  readonly logLevel: string;
  readonly leaderElect?: string;
};

/** Whoever runs longer than this after SIGTERM is ended by Kubernetes anyway. */
const STOP_WITHIN_MS = 9_000;

/** `sluice controller`: exit code 2 for a bad configuration, 4 when the cluster cannot be reached or lacks something. */
export const createControllerCommand = (io: CliIo): Command =>
  new Command('controller')
    .description('run the controller')
    .option('--config <file>', 'configuration file (sluice.yaml)')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .option('--listen <address>', 'where health, metrics and the API are served, e.g. 127.0.0.1:8080')
    .option('--hooks-listen <address>', 'where webhooks are received, if there are any, e.g. 127.0.0.1:8081')
    .addOption(
      new Option('--log-level <level>', 'how much is logged').choices(['debug', 'info', 'warn', 'error']).default('info'),
    )
    .addOption(new Option('--leader-elect <boolean>', 'whether to take part in leader election').choices(['true', 'false']))
    .action(async (options: Options) => {
      const config = readConfig(io, options);
      if (config !== undefined) await run(io, config, options);
    });

const readConfig = (io: CliIo, options: Options): Config | undefined => {
  try {
    const config = readConfiguration(options.config, io.env);
    const enabled = options.leaderElect === undefined ? config.leaderElection.enabled : options.leaderElect === 'true';
    const listen = options.listen === undefined ? config.listen : parseListen('--listen', options.listen);
    const hooks = options.hooksListen === undefined ? config.hooks : parseListen('--hooks-listen', options.hooksListen);
    return { ...config, listen, hooks, leaderElection: { ...config.leaderElection, enabled } };
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof RangeError)) throw error;
    io.err(`${error.message}\n`);
    io.exit(EXIT.usage);
    return undefined;
  }
};

const parseListen = (option: string, address: string): Config['listen'] => {
  const [, host, port] = /^(?:\[?([^\]]*)\]?):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535)
    throw new RangeError(`${option} is ${address}, expected host:port, such as 127.0.0.1:8080`);
  return { host: host || '0.0.0.0', port: Number(port) };
};

const run = async (io: CliIo, config: Config, options: Options): Promise<void> => {
  const logger = pino({ level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  try {
    const controller = await runController(config, options.kubeconfig, logger);
    stopOnSignals(logger, () => controller.stop());
    await controller.ready;
    const { address, hooks } = controller;
    logger.info({ address, ...(hooks === undefined ? {} : { hooks }) }, 'ready');
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof MissingError)) throw error;
    io.err(`${error.message}\n`);
    io.exit(EXIT.unreachable);
  }
};

const stopOnSignals = (logger: { info(fields: object, message: string): void }, stop: () => Promise<void>): void => {
  let isStopping = false;
  const onSignal = (signal: string): void => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
};
