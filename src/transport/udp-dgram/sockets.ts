/**
 * The sockets of the dgram transport. A wildcard address becomes one socket for each address of its family, followed
 * as addresses come and go: an answer must leave from the address that was asked, and node:dgram can neither tell nor
 * set it. So only addresses that the interfaces show are served (127.0.0.1, not all of 127/8). A socket for the rest
 * (SO_REUSEADDR lets it stand beside the others) does get what is sent to 127.5.6.7, but its answer leaves from
 * 127.0.0.1, which a connected client ignores, and /proc/net/udp tells the address of connected clients alone; it
 * would also let any other process bind the same port. An adopted wildcard socket is served as it is, and the system
 * chooses the source.
 */
import type { Socket } from 'node:dgram';
import type { Listener } from '../../answer/peer.ts';
import { handleOf } from '../handle.ts';
import { interfaceAddresses, wildcardFamily } from '../interfaces.ts';
import type { Interfaces } from '../interfaces.ts';
import { bindUdp } from '../udp-bind.ts';

export interface DgramOptions {
  /** Octets asked of the system for each receive queue; it may grant less. Default 1 MiB. */
  receiveBuffer?: number;
  /** A bound UDP socket to adopt instead of binding; the transport owns it from `open` on, and closes it. */
  fd?: number;
  /** Further ones of the same address: what other threads read before. */
  more?: readonly number[];
  /** The same for several addresses, canonical text (with scope) → descriptor; those not named are bound. */
  fds?: ReadonlyMap<string, number>;
  /** Milliseconds between two checks of the interfaces, for wildcard listeners. Default 5000; 0: never. */
  rescanMs?: number;
  interfaces?: Interfaces;
}

/** What the transport does with its sockets. */
export interface SocketsHost {
  /** A socket is bound: its packets come from now on. */
  serve(socket: Socket): void;
  /** A socket reported an error, or an address of a wildcard could not be bound. */
  failed(): void;
}

/** With port 0 a wildcard needs one number that is free on every address. */
const PORT_ATTEMPTS = 8;

export class DgramSockets {
  readonly #listener: Listener;
  readonly #options: DgramOptions;
  readonly #host: SocketsHost;
  readonly #bound = new Map<string, Socket>();
  #port: number;
  #isOpen = false;
  #rescanTimer: NodeJS.Timeout | undefined;
  #rescanning: Promise<void> | undefined;

  constructor(listener: Listener, options: DgramOptions, host: SocketsHost) {
    this.#listener = listener;
    this.#options = options;
    this.#host = host;
    this.#port = listener.port;
  }

  /** Resolves with the port; rejects with the system's error and leaves nothing open then. */
  async open(): Promise<number> {
    this.#isOpen = true;
    const family = wildcardFamily(this.#listener.address);
    try {
      if (this.#options.fd !== undefined || family === 0) {
        await this.#bind(this.#listener.address, this.#options.fd);
        for (const [i, fd] of (this.#options.more ?? []).entries())
          await this.#bind(this.#listener.address, fd, `${this.#listener.address} ${i + 2}`);
      } else {
        await this.#bindAll(family);
        this.#followInterfaces();
      }
    } catch (error) {
      this.#isOpen = false;
      await this.close();
      throw error;
    }
    return this.#port;
  }

  /** Checks the interfaces now: binds new addresses, closes the sockets of those that went. */
  rescan(): Promise<void> {
    this.#rescanning ??= this.#rescan().finally(() => (this.#rescanning = undefined));
    return this.#rescanning;
  }

  /** Stops following the interfaces. */
  unfollow(): void {
    clearInterval(this.#rescanTimer);
  }

  /** Binds nothing any more; resolves when nothing is being bound. */
  async settle(): Promise<void> {
    this.#isOpen = false;
    await this.#rescanning;
  }

  /** Stops reading and leaves the sockets bound. */
  quiet(): void {
    this.unfollow();
    for (const socket of this.#bound.values()) handleOf(socket)?.recvStop?.();
  }

  /** Reads again after `quiet`. */
  resume(): void {
    for (const socket of this.#bound.values()) handleOf(socket)?.recvStart?.();
    if (this.#options.fd === undefined && wildcardFamily(this.#listener.address) !== 0)
      this.#followInterfaces();
  }

  /** Address → file descriptor. */
  descriptors(): Map<string, number> {
    const all = new Map<string, number>();
    for (const [address, socket] of this.#bound) {
      const fd = handleOf(socket)?.fd ?? -1;
      if (fd >= 0) all.set(address, fd);
    }
    return all;
  }

  async close(): Promise<void> {
    const closing = [...this.#bound.values()];
    this.#bound.clear();
    await Promise.all(closing.map((socket) => new Promise<void>((done) => socket.close(done))));
  }

  async #rescan(): Promise<void> {
    const family = wildcardFamily(this.#listener.address);
    if (family === 0 || this.#options.fd !== undefined || !this.#isOpen) return;
    const wanted = interfaceAddresses(family, this.#options.interfaces);
    if (wanted === null) return;
    for (const [address, socket] of this.#bound) {
      if (wanted.includes(address)) continue;
      this.#bound.delete(address);
      socket.close();
    }
    for (const address of wanted) {
      if (this.#bound.has(address)) continue;
      // Addresses still in duplicate address detection cannot be bound yet: the next check tries again.
      await this.#bind(address).catch(() => this.#host.failed());
    }
  }

  #followInterfaces(): void {
    const every = this.#options.rescanMs ?? 5000;
    if (every <= 0) return;
    this.#rescanTimer = setInterval(() => void this.rescan(), every);
    this.#rescanTimer.unref();
  }

  async #bindAll(family: 4 | 6): Promise<void> {
    const wanted = interfaceAddresses(family, this.#options.interfaces) ?? [];
    for (let attempt = 1; ; attempt++) {
      let last: unknown = Object.assign(new Error(`no address of any interface for ${this.#listener.text}`), {
        code: 'EADDRNOTAVAIL',
      });
      try {
        for (const address of wanted) {
          try {
            await this.#bind(address, this.#options.fds?.get(address));
          } catch (error) {
            const { code } = error as NodeJS.ErrnoException;
            if (code === 'EADDRINUSE' || code === 'EACCES') throw error;
            this.#host.failed();
            last = error;
          }
        }
        if (this.#bound.size > 0) return;
        throw last;
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (this.#listener.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
        await this.close();
        this.#port = 0;
      }
    }
  }

  /** `key`: what the socket is known by. */
  async #bind(
    address: string,
    fd: number | undefined = this.#options.fds?.get(address),
    key = address,
  ): Promise<void> {
    const socket = await bindUdp(address, this.#port, fd);
    if (this.#isOpen) return this.#serve(socket, key);
    socket.close();
    throw new Error(`the transport of ${this.#listener.text} was closed while it opened`);
  }

  #serve(socket: Socket, key: string): void {
    socket.on('error', () => this.#host.failed());
    try {
      socket.setRecvBufferSize(this.#options.receiveBuffer ?? 1 << 20);
    } catch {
      this.#host.failed();
    }
    this.#port = socket.address().port;
    this.#bound.set(key, socket);
    this.#host.serve(socket);
  }
}
