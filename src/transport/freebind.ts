/** Binds an address that this machine does not have yet: a bridge gets its gateway's address with its first pod. */
import { constants } from 'node:os';
import { isLoopback } from '../dns/address.ts';
import { loadSystem } from './syscalls.ts';
import { bindDescriptor } from './udp-batch/socket.ts';

/**
 * A bound socket to adopt, after an ordinary bind has failed with `error`; undefined when that is not for want of
 * the address, when the address never comes (a loopback), or without koffi. Throws the system's error.
 */
export function bindFreely(
  error: unknown,
  address: string,
  port: number,
  protocol: 'udp' | 'tcp',
): number | undefined {
  const { errno } = error as NodeJS.ErrnoException;
  const { system } = loadSystem();
  if (errno !== -constants.errno.EADDRNOTAVAIL || system === undefined || isLoopback(address))
    return undefined;
  return bindDescriptor(system, address, port, { protocol, shared: false });
}
