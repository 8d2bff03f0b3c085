import { createPartsReader } from '../adapters/spec/configured.ts';
import { problemLine, readTemplates } from '../adapters/templates/messageFiles.ts';
import { checkTemplate, createRenderer } from '../adapters/templates/render.ts';
import { type Config, ConfigError, loadConfig } from '../config/load.ts';
import type { Environment } from '../config/secrets.ts';

/**
 * The configuration with everything in it checked, also what has the form of parts of Rollouts, and the templates of
 * messages where they are needed; see loadConfig.
 */
export const readConfiguration = (
  path: string | undefined,
  env: Environment,
  secrets: 'needed' | 'ignored' = 'needed',
): Config => {
  const config = loadConfig(path, env, createPartsReader({ render: createRenderer(), check: checkTemplate }), secrets);
  if (config.templatesDir === undefined || secrets === 'ignored') return config;
  const { problems } = readTemplates(config.templatesDir);
  if (problems.length > 0)
    throw new ConfigError(
      path ?? '(none)',
      problems.map(problem => `${problemLine(problem)} (templatesDir)`),
    );
  return config;
};
