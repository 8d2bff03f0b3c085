import type { CliIo } from '../../src/cli/io.ts';

/** A command's world that remembers what it was told. */
export const recordedIo = (env: CliIo['env'] = {}) => {
  const said = { out: '', err: '', code: -1 };
  const io: CliIo = {
    out: text => {
      said.out += text;
    },
    err: text => {
      said.err += text;
    },
    exit: code => {
      said.code = code;
    },
    env,
  };
  return { io, said };
};
