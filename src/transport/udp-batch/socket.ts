/** Binds the sockets of the batch transport: options, names, and errors in Node's form. */
import { constants } from 'node:os';
import { isLoopback, isMapped, mapInto, parseAddress } from '../../dns/address.ts';
import { nameLength } from './messages.ts';
import * as sys from '../syscalls.ts';
import { loadSystem } from '../syscalls.ts';
import type { System } from '../syscalls.ts';

/** Where a socket is bound. */
export interface Bound {
  fd: number;
  /** AF_INET or AF_INET6. */
  family: number;
  port: number;
  /** Bound to every address: each packet carries the one that it was sent to. */
  wildcard: boolean;
  /** 16 octets; of a wildcard bind the unspecified address. */
  local: Uint8Array;
}

/**
 * Asked of the kernel for each direction; it grants at most its own limit to a process without rights. It takes memory
 * only for what is queued: some 20,000 queries, which is what a fast sender sends while a worker waits for its core.
 */
const BUFFER_OCTETS = 8 << 20;
/**
 * How long a worker stays blocked in one receive, milliseconds: nothing can interrupt it, and so long a call
 * may take where packets come now and then. When idle it sleeps in epoll, where a call wakes it at once.
 */
const RECEIVE_TIMEOUT = 50;
/** How long it waits for room in a full send queue. */
const SEND_TIMEOUT = 500;

const SCRATCH = new ArrayBuffer(256);
const scratch = new DataView(SCRATCH);
/** Where in the scratch memory a name stands, and its length or an option's value. */
const NAME = 0;
const VALUE = 128;

function scopeOf(system: System, base: number, zone: string, text: string): number {
  if (zone === '') return 0;
  const index = /^\d{1,9}$/.test(zone) ? Number(zone) : interfaceIndex(system, base, zone);
  if (index === 0) throw sys.systemError('bind', constants.errno.ENODEV, text);
  return index;
}

function interfaceIndex(system: System, base: number, name: string): number {
  const octets = Buffer.from(name);
  if (octets.length === 0 || octets.length > 15) return 0;
  const memory = new Uint8Array(SCRATCH);
  memory.set(octets, VALUE);
  memory[VALUE + octets.length] = 0;
  return system.if_nametoindex(base + VALUE);
}

/** Opens and binds a UDP socket, as `bindDescriptor` does. */
export function bindSocket(system: System, address: string, port: number, shared: boolean): Bound {
  const fd = bindDescriptor(system, address, port, { protocol: 'udp', shared });
  try {
    return adoptSocket(system, fd);
  } catch (error) {
    system.close(fd);
    throw error;
  }
}

export interface BindOptions {
  protocol: 'udp' | 'tcp';
  /** Others bind the same address and port (SO_REUSEPORT). */
  shared: boolean;
}

/**
 * Opens and binds a socket. `address` has no brackets and may have a zone (`fe80::1%eth0`). Throws the system's
 * error and leaves nothing open. An address that this machine does not have yet can be bound.
 */
export function bindDescriptor(
  system: System,
  address: string,
  port: number,
  { protocol, shared }: BindOptions,
): number {
  const text = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const base = system.pin(SCRATCH);
  const percent = address.indexOf('%');
  const local = new Uint8Array(16);
  const version = parseAddress(percent === -1 ? address : address.slice(0, percent), local, 0);
  if (version === 0) throw sys.systemError('bind', constants.errno.EINVAL, text);
  const family = version === 4 ? sys.AF_INET : sys.AF_INET6;
  const scope = scopeOf(system, base, percent === -1 ? '' : address.slice(percent + 1), text);

  const type = protocol === 'udp' ? sys.SOCK_DGRAM : sys.SOCK_STREAM;
  const fd = system.socket(family, type | sys.SOCK_CLOEXEC, 0);
  if (fd < 0) throw sys.systemError('socket', system.errno(), text);
  try {
    // IPv4 and IPv6 are two listeners; so `0.0.0.0` and `::` can stand side by side on one port.
    if (family === sys.AF_INET6) setOption(system, fd, sys.SOL_IPV6, sys.IPV6_V6ONLY, 1, text);
    if (shared) setOption(system, fd, sys.SOL_SOCKET, sys.SO_REUSEPORT, 1, text);
    if (family === sys.AF_INET) tryOption(system, fd, sys.SOL_IP, sys.IP_FREEBIND, 1);
    else tryOption(system, fd, sys.SOL_IPV6, sys.IPV6_FREEBIND, 1);
    if (protocol === 'tcp') {
      // As Node does: connections of an earlier run do not keep the address busy.
      setOption(system, fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1, text);
    } else {
      enlarge(system, fd, sys.SO_RCVBUFFORCE, sys.SO_RCVBUF);
      enlarge(system, fd, sys.SO_SNDBUFFORCE, sys.SO_SNDBUF);
    }
    writeName(family, port, local, scope);
    if (system.bind(fd, base + NAME, nameLength(family)) !== 0) {
      throw sys.systemError('bind', system.errno(), text);
    }
    return fd;
  } catch (error) {
    system.close(fd);
    throw error;
  }
}

/**
 * Sets what workers rely on, and returns what the socket is bound to; for adopted sockets as well as for our
 * own. Throws the system's error when `fd` is no UDP socket of the internet.
 */
export function adoptSocket(system: System, fd: number): Bound {
  const base = system.pin(SCRATCH);
  scratch.setInt32(VALUE, 28, true);
  if (system.getsockname(fd, base + NAME, base + VALUE) !== 0) {
    throw sys.systemError('getsockname', system.errno());
  }
  const family = scratch.getUint16(NAME, true);
  const port = scratch.getUint16(NAME + 2);
  const local = new Uint8Array(16);
  const octets = new Uint8Array(SCRATCH);
  if (family === sys.AF_INET) {
    mapInto(scratch.getUint32(NAME + 4), local, 0);
  } else if (family === sys.AF_INET6) {
    local.set(octets.subarray(NAME + 8, NAME + 24));
  } else {
    throw sys.systemError('getsockname', constants.errno.EAFNOSUPPORT);
  }
  const wildcard = local.subarray(isMapped(local, 0) ? 12 : 0).every((octet) => octet === 0);
  if (wildcard && family === sys.AF_INET) setOption(system, fd, sys.SOL_IP, sys.IP_PKTINFO, 1);
  if (wildcard && family === sys.AF_INET6) setOption(system, fd, sys.SOL_IPV6, sys.IPV6_RECVPKTINFO, 1);
  sendCheaply(system, fd, family);
  scratch.setBigInt64(VALUE, 0n, true);
  for (const [option, milliseconds] of [
    [sys.SO_RCVTIMEO, RECEIVE_TIMEOUT],
    [sys.SO_SNDTIMEO, SEND_TIMEOUT],
  ] as const) {
    scratch.setBigInt64(VALUE + 8, BigInt(milliseconds * 1000), true);
    if (system.setsockopt(fd, sys.SOL_SOCKET, option, base + VALUE, 16) !== 0) {
      throw sys.systemError('setsockopt', system.errno());
    }
  }
  return { fd, family, port, wildcard, local };
}

/**
 * Spares the kernel what answers of at most 1232 octets do not need: it computes an identification for every IPv4
 * packet that may become fragments, under a lock and with random numbers (8 % of what an answer costs), and hashes
 * a label for every IPv6 flow (3 %; RFC 6437 allows zero). What does not fit the path goes by `sendInFragments`.
 */
function sendCheaply(system: System, fd: number, family: number): void {
  if (family === sys.AF_INET) tryOption(system, fd, sys.SOL_IP, sys.IP_MTU_DISCOVER, sys.IP_PMTUDISC_DO);
  else tryOption(system, fd, sys.SOL_IPV6, sys.IPV6_AUTOFLOWLABEL, 0);
}

/** Calls `send` while answers may be cut into fragments, for a path that is narrower than the one at hand (EMSGSIZE). */
export function sendInFragments(system: System, fd: number, send: () => boolean): boolean {
  tryOption(system, fd, sys.SOL_IP, sys.IP_MTU_DISCOVER, sys.IP_PMTUDISC_WANT);
  try {
    return send();
  } finally {
    tryOption(system, fd, sys.SOL_IP, sys.IP_MTU_DISCOVER, sys.IP_PMTUDISC_DO);
  }
}

function tryOption(system: System, fd: number, level: number, name: number, value: number): boolean {
  scratch.setInt32(VALUE, value, true);
  return system.setsockopt(fd, level, name, system.pin(SCRATCH) + VALUE, 4) === 0;
}

function setOption(system: System, fd: number, level: number, name: number, value: number, text = ''): void {
  if (!tryOption(system, fd, level, name, value)) throw sys.systemError('setsockopt', system.errno(), text);
}

/** The first option goes past the system's limit and needs CAP_NET_ADMIN. */
function enlarge(system: System, fd: number, force: number, plain: number): void {
  if (!tryOption(system, fd, sys.SOL_SOCKET, force, BUFFER_OCTETS)) {
    tryOption(system, fd, sys.SOL_SOCKET, plain, BUFFER_OCTETS);
  }
}

function writeName(family: number, port: number, local: Uint8Array, scope: number): void {
  const octets = new Uint8Array(SCRATCH);
  octets.fill(0, NAME, NAME + 32);
  scratch.setUint16(NAME, family, true);
  scratch.setUint16(NAME + 2, port);
  if (family === sys.AF_INET) {
    octets.set(local.subarray(12), NAME + 4);
  } else {
    octets.set(local, NAME + 8);
    scratch.setUint32(NAME + 24, scope, true);
  }
}

/**
 * Binds an address that this machine does not have yet: a bridge gets its gateway's address with its first pod.
 * Returns a bound socket to adopt, after an ordinary bind has failed with `error`; undefined when the bind failed for
 * another reason than the missing address, when the address never comes (a loopback), or without koffi. Throws the
 * system's error.
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
