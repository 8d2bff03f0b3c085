import { createPartsReader } from '../../src/adapters/spec/configured.ts';
import { checkTemplate, createRenderer } from '../../src/adapters/templates/render.ts';

/** The reader that the program uses. */
export const readParts = createPartsReader({ render: createRenderer(), check: checkTemplate });
