import { createPartsReader } from '../adapters/spec/configured.ts';
import { checkTemplate, createRenderer } from '../adapters/templates/render.ts';
import { type Config, loadConfig } from '../config/load.ts';
import type { Environment } from '../config/secrets.ts';

/** The configuration with everything in it checked, also what has the form of parts of Rollouts; see loadConfig. */
export const readConfiguration = (path: string | undefined, env: Environment, secrets: 'needed' | 'ignored' = 'needed'): Config =>
  loadConfig(path, env, createPartsReader({ render: createRenderer(), check: checkTemplate }), secrets);
