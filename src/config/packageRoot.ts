import { existsSync } from 'node:fs';

/**
 * The folder with `package.json` and `templates`, seen from the source and from the bundle alike. Throws an Error when
 * the installation is incomplete.
 */
export const packageRoot = (): URL => {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    if (existsSync(new URL('templates/crd', folder)) && existsSync(new URL('package.json', folder))) return folder;
    const parent = new URL('..', folder);
    if (parent.href === folder.href)
      throw new Error(`looking for templates: not found above ${new URL('.', import.meta.url).pathname}`);
    folder = parent;
  }
};
