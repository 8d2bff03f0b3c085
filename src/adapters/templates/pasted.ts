import type { Message } from '../../controller/channel-ports.ts';

/** The end of what a person can do that asks our own server. */
const ASKS_US = /: sluice (?:approve|reject) /;

/**
 * The message with commands that say where this server is, so that they can be pasted as they stand. Where the address is not
 * known, or nobody may send a token there, `$SLUICE_SERVER` of whoever pastes them says it.
 */
export const withServer = (message: Message, publicUrl: string | undefined): Message => {
  const option = serverOption(publicUrl);
  if (option === undefined) return message;
  const { facts } = message;
  return { ...message, facts: { ...facts, todo: facts.todo.map(line => (ASKS_US.test(line) ? `${line} ${option}` : line)) } };
};

/** As a shell reads it; what would end a quotation is escaped as addresses have it, which every channel leaves alone. */
const serverOption = (publicUrl: string | undefined): string | undefined => {
  if (publicUrl === undefined || !URL.canParse(publicUrl)) return undefined;
  const { protocol, hostname, pathname, origin, search, hash } = new URL(publicUrl);
  if (search !== '' || hash !== '' || !(protocol === 'https:' || isLoopback(hostname))) return undefined;
  const address = `${origin}${pathname === '/' ? '' : pathname}`.replaceAll("'", '%27').replaceAll('`', '%60');
  return `--server ${/^[\w:/.%-]+$/.test(address) ? address : `'${address}'`}`;
};

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
