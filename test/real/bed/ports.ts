import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runDirectory } from './cache.ts';
import { identityOf, isAlive, type ProcessIdentity } from './processIdentity.ts';

/** The place of one bed on this machine: no other bed has its directory, its ports or its addresses. */
export interface Slot {
  readonly directory: string;
  readonly ports: Ports;
  /** First two bytes of the addresses of its Pods, a /16 of loopback: `127.40`. */
  readonly podNetwork: string;
}

export type Ports = Readonly<Record<(typeof PORT_NAMES)[number], number>>;

const PORT_NAMES = [
  'apiServer',
  'etcd',
  'etcdPeer',
  'controllerManager',
  'kwok',
  'xds',
  'istiodMonitoring',
  'istiodHttp',
  'istiodHttps',
  'istiodControl',
  'gateway',
  'envoyAdmin',
  'pods',
  'git',
  'prometheus',
  'zipkin',
  'controller',
  'otherController',
] as const;

const SLOTS = 80;
// below the range from which the kernel gives ports to outgoing connections
const FIRST_PORT = 24_000;
const PORTS_PER_SLOT = 100;
const FIRST_POD_NETWORK = 40;

function slotAt(index: number): Slot {
  const base = FIRST_PORT + index * PORTS_PER_SLOT;
  const numbers = Object.fromEntries(PORT_NAMES.map((name, offset) => [name, base + offset]));
  return {
    directory: join(runDirectory(), `bed-${index}`),
    ports: numbers as Ports,
    podNetwork: `127.${FIRST_POD_NETWORK + index}`,
  };
}

interface Listener {
  readonly address: string;
  readonly port: number;
}

/** All listening TCP sockets of this machine, as the kernel tells them (IPv4 addresses only; IPv6 ones as `::`). */
async function listeners(): Promise<Listener[]> {
  const found: Listener[] = [];
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const table = await readFile(file, 'utf8').catch(() => '');
    for (const line of table.split('\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\s+/);
      if (state !== '0A') continue;
      const [hexAddress = '', hexPort = ''] = local.split(':');
      const bytes = hexAddress.length === 8 ? (hexAddress.match(/../g) ?? []).reverse() : [];
      const address = bytes.length === 4 ? bytes.map(byte => Number.parseInt(byte, 16)).join('.') : '::';
      found.push({ address, port: Number.parseInt(hexPort, 16) });
    }
  }
  return found;
}

/** A foreign server on one of our ports would answer our readiness checks: such a slot is not taken. */
function isOccupied(slot: Slot, taken: readonly Listener[]): boolean {
  const own = new Set<number>(Object.values(slot.ports));
  return taken.some(({ address, port }) => own.has(port) || address.startsWith(`${slot.podNetwork}.`));
}

async function claimDirectory(slot: Slot): Promise<boolean> {
  await mkdir(runDirectory(), { recursive: true, mode: 0o700 });
  const ownerFile = join(slot.directory, 'owner.json');
  try {
    await mkdir(slot.directory, { mode: 0o700 });
  } catch {
    const owner = await readFile(ownerFile, 'utf8').catch(() => '');
    // without an owner's name the directory is just being claimed, or what a crash in that instant left; the next one is as good
    if (owner === '' || isAlive(JSON.parse(owner) as ProcessIdentity)) return false;
    await rm(slot.directory, { recursive: true, force: true });
    return claimDirectory(slot);
  }
  await writeFile(ownerFile, JSON.stringify(identityOf(process.pid)));
  return true;
}

/** Finds free ports and addresses for a bed and claims them for this process until its directory is removed. */
export async function claimSlot(): Promise<Slot> {
  const taken = await listeners();
  for (let index = 0; index < SLOTS; index++) {
    const slot = slotAt(index);
    if (!isOccupied(slot, taken) && (await claimDirectory(slot))) return slot;
  }
  throw new Error(
    `starting a bed: all ${SLOTS} places (ports from ${FIRST_PORT}) are taken; ${runDirectory()} holds those of running beds`,
  );
}
