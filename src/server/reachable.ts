/**
 * Where other instances reach what listens on `address` (`host:port`): there, unless that means any address; then at the
 * address of the pod. `undefined`: nobody knows.
 */
export const reachableAt = (address: string, podAddress: string | undefined): string | undefined => {
  const port = /^(?:0\.0\.0\.0|\[::\]):(\d+)$/.exec(address)?.[1];
  if (port === undefined) return address;
  if (podAddress === undefined) return undefined;
  return `${podAddress.includes(':') ? `[${podAddress}]` : podAddress}:${port}`;
};
