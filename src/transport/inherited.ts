/** Bound sockets that the service manager has opened for this process: the protocol of sd_listen_fds(3). */
import { formatAddress, mapInto } from '../dns/address.ts';
import * as sys from './syscalls.ts';

const FIRST_FD = 3;
/** More descriptors than a unit can sensibly name. */
const SOCKETS_MAX = 4096;
const SO_TYPE = 3;
const NAME_LENGTH = 28;

type Protocol = 'udp' | 'tcp';

/** Sockets that are bound already. */
export interface BoundSockets {
  /** The sockets for this listener, which the caller owns from now on; empty where there are none. */
  take(protocol: Protocol, address: string, port: number): number[];
}

export class InheritedSockets implements BoundSockets {
  /** `udp 127.0.0.1:53` → file descriptors: several where the unit has ReusePort and repeats the address. */
  private readonly sockets = new Map<string, number[]>();

  /** Throws an error with the reason if there are sockets and they cannot be read. */
  constructor(environment: Record<string, string | undefined>, pid: number) {
    const { LISTEN_FDS: count = '', LISTEN_PID: owner = '' } = environment;
    if (!/^\d{1,9}$/.test(count) || Number(owner) !== pid || Number(count) === 0) return;
    if (Number(count) > SOCKETS_MAX) throw new Error(`LISTEN_FDS is ${count}, more than ${SOCKETS_MAX}`);
    const { system, reason } = sys.loadSystem();
    if (system === undefined)
      throw new Error(`the sockets of the service manager cannot be taken: ${reason}`);
    for (let fd = FIRST_FD; fd < FIRST_FD + Number(count); fd++) {
      const key = keyOf(system, fd);
      const same = this.sockets.get(key);
      if (same === undefined) this.sockets.set(key, [fd]);
      else same.push(fd);
    }
  }

  take(protocol: Protocol, address: string, port: number): number[] {
    const key = `${protocol} ${address}:${port}`;
    const found = this.sockets.get(key) ?? [];
    this.sockets.delete(key);
    return found;
  }

  /** `udp 127.0.0.1:53`: sockets that no listener has taken. */
  get left(): string[] {
    return [...this.sockets.keys()];
  }
}

function keyOf(system: sys.System, fd: number): string {
  const { protocol, address, port } = boundAddress(system, fd);
  return `${protocol} ${address}:${port}`;
}

/** Where a socket is bound. Throws where it is none of UDP or TCP. */
export function boundAddress(
  system: sys.System,
  fd: number,
): { protocol: Protocol; address: string; port: number } {
  const memory = new ArrayBuffer(NAME_LENGTH + 4);
  const view = new DataView(memory);
  const at = system.pin(memory);
  view.setInt32(NAME_LENGTH, NAME_LENGTH, true);
  if (system.getsockname(fd, at, at + NAME_LENGTH) !== 0)
    throw sys.systemError('getsockname', system.errno(), `of descriptor ${fd}`);
  const octets = new Uint8Array(16);
  const family = view.getUint16(0, true);
  if (family === sys.AF_INET) mapInto(view.getUint32(4), octets, 0);
  else if (family === sys.AF_INET6) octets.set(new Uint8Array(memory, 8, 16));
  else throw new Error(`descriptor ${fd} is not a socket of UDP or TCP`);
  const port = view.getUint16(2);
  view.setInt32(NAME_LENGTH, 4, true);
  if (system.getsockopt(fd, sys.SOL_SOCKET, SO_TYPE, at, at + NAME_LENGTH) !== 0)
    throw sys.systemError('getsockopt', system.errno(), `of descriptor ${fd}`);
  const protocol: Protocol = view.getInt32(0, true) === sys.SOCK_DGRAM ? 'udp' : 'tcp';
  return { protocol, address: formatAddress(octets, 0), port };
}
