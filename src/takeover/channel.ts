/**
 * One connection between two processes of podns on this host: messages, texts and open descriptors, in order.
 *
 * A frame is one octet of its kind (`J` a JSON object, `T` text, `D` descriptors), four octets of its length, the most
 * significant first, and so many octets; those of `D` are their number as one octet, and the descriptors are attached
 * to them (unix(7), SCM_RIGHTS). This much stays the same in every version of the protocol.
 */
import * as sys from '../transport/syscalls.ts';
import type { System, WatchHandle } from '../transport/syscalls.ts';

/** Octets of one frame. */
const FRAME_MAX = 8 << 20;
/** Octets that have been read and not been taken; beyond it nothing more is read. */
const QUEUED_MAX = 16 << 20;
/** Descriptors of one frame; the system takes 253. */
const DESCRIPTORS_A_FRAME = 64;
/** More sockets than all listeners and workers of one process can have. */
const DESCRIPTORS_MAX = 8192;
const HEAD = 5;
/** Milliseconds after which a full or an unwatched socket is tried again. */
const AGAIN = 5;
const LOOK = 250;
const MSG_CTRUNC = 8;
/** Octets of struct cmsghdr before its data. */
const CONTROL_HEAD = 16;
const PATH_MAX = 108;

/** struct msghdr at 0, struct iovec at 64, a name or control data at 96, data behind it; used within one call alone. */
const VECTOR = 64;
const CONTROL = 96;
const CONTROL_OCTETS = 1024;
const DATA = CONTROL + CONTROL_OCTETS;
const DATA_OCTETS = 256 * 1024;
const MEMORY = new ArrayBuffer(DATA + DATA_OCTETS);
const memory = new DataView(MEMORY);
const octetsOf = new Uint8Array(MEMORY);

export type Frame =
  | { kind: 'message'; message: Record<string, unknown> }
  | { kind: 'text'; octets: Buffer }
  | { kind: 'descriptors'; count: number };

/** The other process has gone, is silent, or does not speak as it should. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
  /** The other process has gone. */
  readonly isGone: boolean;

  constructor(message: string, isGone = false) {
    super(message);
    this.isGone = isGone;
  }
}

export class Channel {
  /** Received and not yet taken; closed with the channel. */
  readonly descriptors: number[] = [];
  /** Resolves when the other side, or this one, has closed. */
  readonly ended: Promise<void>;
  private readonly system: System;
  private readonly fd: number;
  private readonly base: number;
  private readonly frames: Frame[] = [];
  private queued = 0;
  private unread: Buffer[] = [];
  private unreadOctets = 0;
  private watch: WatchHandle | undefined;
  private readonly look: NodeJS.Timeout;
  private failure: ChannelError | undefined;
  private closed = false;
  private wake: () => void = () => undefined;
  private end!: () => void;

  /** `fd`: a connected stream socket, non-blocking; the channel closes it. */
  constructor(system: System, fd: number) {
    this.system = system;
    this.fd = fd;
    this.base = system.pin(MEMORY);
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.watch = system.watch(fd, () => this.read());
    // The event loop may stop watching a socket that has an error.
    this.look = setInterval(() => this.read(), LOOK);
  }

  /** Undefined where nobody listens at the path; throws the system's error for anything else. */
  static connect(system: System, path: string): Channel | undefined {
    const name = Buffer.from(path);
    if (name.length >= PATH_MAX)
      throw new Error(`the path of a unix socket has less than ${PATH_MAX} octets`);
    const base = system.pin(MEMORY);
    memory.setUint16(CONTROL, sys.AF_UNIX, true);
    octetsOf.fill(0, CONTROL + 2, CONTROL + 2 + PATH_MAX);
    octetsOf.set(name, CONTROL + 2);
    const fd = system.socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK, 0);
    if (fd < 0) throw sys.systemError('socket', system.errno());
    if (system.connect(fd, base + CONTROL, 2 + name.length + 1) === 0) return new Channel(system, fd);
    const error = sys.systemError('connect', system.errno(), path);
    system.close(fd);
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined;
    throw error;
  }

  /** The process and the user at the other end, as they were when it connected, or began to listen. */
  get peer(): { pid: number; uid: number } {
    memory.setInt32(CONTROL, 12, true);
    const { SOL_SOCKET, SO_PEERCRED } = sys;
    if (this.system.getsockopt(this.fd, SOL_SOCKET, SO_PEERCRED, this.base + DATA, this.base + CONTROL) !== 0)
      throw sys.systemError('getsockopt', this.system.errno());
    return { pid: memory.getInt32(DATA, true), uid: memory.getUint32(DATA + 4, true) };
  }

  /** Rejects with ChannelError. */
  send(message: object): Promise<void> {
    return this.frame('J', Buffer.from(JSON.stringify(message)));
  }

  /** Rejects with ChannelError. */
  async sendText(octets: Buffer): Promise<void> {
    for (let at = 0; at < octets.length; at += FRAME_MAX)
      await this.frame('T', octets.subarray(at, at + FRAME_MAX));
  }

  /** An empty text: nothing follows. Rejects with ChannelError. */
  sendEnd(): Promise<void> {
    return this.frame('T', Buffer.alloc(0));
  }

  /** They stay open here. Rejects with ChannelError. */
  async sendDescriptors(fds: readonly number[]): Promise<void> {
    for (let at = 0; at < fds.length; at += DESCRIPTORS_A_FRAME) {
      const some = fds.slice(at, at + DESCRIPTORS_A_FRAME);
      await this.frame('D', Buffer.of(some.length), some);
    }
  }

  /** The next frame; rejects with ChannelError when none comes within so many milliseconds, or none any more. */
  async next(milliseconds: number): Promise<Frame> {
    const until = performance.now() + milliseconds;
    for (;;) {
      const frame = this.frames.shift();
      if (frame !== undefined) {
        if (frame.kind === 'text') this.queued -= frame.octets.length;
        return frame;
      }
      if (this.failure !== undefined) throw this.failure;
      const left = until - performance.now();
      if (left <= 0) throw new ChannelError(`the other process is silent for ${milliseconds / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The next frame, which must be a message. Rejects as `next` does. */
  async message(milliseconds: number): Promise<Record<string, unknown>> {
    const frame = await this.next(milliseconds);
    if (frame.kind !== 'message') throw new ChannelError(`a message was expected, and ${frame.kind} came`);
    return frame.message;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.fail('this process has closed the connection');
    this.system.close(this.fd);
    for (const fd of this.descriptors.splice(0)) this.system.close(fd);
  }

  private fail(reason: string, isGone = false): void {
    this.failure ??= new ChannelError(reason, isGone);
    this.watch?.close();
    this.watch = undefined;
    clearInterval(this.look);
    this.end();
    this.wake();
  }

  private async frame(kind: 'J' | 'T' | 'D', octets: Buffer, fds: readonly number[] = []): Promise<void> {
    if (octets.length > FRAME_MAX) throw new ChannelError(`a message of ${octets.length} octets is too long`);
    const head = Buffer.alloc(HEAD);
    head.write(kind);
    head.writeUInt32BE(octets.length, 1);
    const whole = Buffer.concat([head, octets]);
    let attached = fds;
    for (let at = 0; at < whole.length;) {
      if (this.failure !== undefined) throw this.failure;
      const sent = this.write(whole.subarray(at, at + DATA_OCTETS), attached);
      if (sent > 0) {
        at += sent;
        attached = [];
        continue;
      }
      const errno = this.system.errno();
      if (errno !== sys.EAGAIN && errno !== sys.EINTR) {
        this.fail(`the other process has gone (${sys.systemError('sendmsg', errno).message})`, true);
      } else await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  private write(octets: Uint8Array, fds: readonly number[]): number {
    octetsOf.set(octets, DATA);
    memory.setBigUint64(CONTROL, BigInt(CONTROL_HEAD + 4 * fds.length), true);
    memory.setInt32(CONTROL + 8, sys.SOL_SOCKET, true);
    memory.setInt32(CONTROL + 12, sys.SCM_RIGHTS, true);
    for (const [i, fd] of fds.entries()) memory.setInt32(CONTROL + CONTROL_HEAD + 4 * i, fd, true);
    this.header(octets.length, fds.length === 0 ? 0 : CONTROL_HEAD + 8 * Math.ceil(fds.length / 2));
    return this.system.sendmsg(this.fd, this.base, sys.MSG_DONTWAIT | sys.MSG_NOSIGNAL);
  }

  /** struct msghdr for `octets` of data and of control data. */
  private header(octets: number, control: number): void {
    octetsOf.fill(0, 0, VECTOR);
    memory.setBigUint64(16, BigInt(this.base + VECTOR), true);
    memory.setBigUint64(24, 1n, true);
    if (control > 0) memory.setBigUint64(32, BigInt(this.base + CONTROL), true);
    memory.setBigUint64(40, BigInt(control), true);
    memory.setBigUint64(VECTOR, BigInt(this.base + DATA), true);
    memory.setBigUint64(VECTOR + 8, BigInt(octets), true);
  }

  /** Reads what there is. */
  private read(): void {
    while (this.failure === undefined && this.queued + this.unreadOctets < QUEUED_MAX) {
      this.header(DATA_OCTETS, CONTROL_OCTETS);
      const flags = sys.MSG_DONTWAIT | sys.MSG_CMSG_CLOEXEC;
      const received = this.system.recvmsg(this.fd, this.base, flags);
      if (received < 0) {
        const errno = this.system.errno();
        if (errno === sys.EINTR) continue;
        if (errno !== sys.EAGAIN)
          this.fail(`the other process has gone (${sys.systemError('recvmsg', errno).message})`, true);
        break;
      }
      if (received === 0) {
        this.fail('the other process has gone', true);
        break;
      }
      if (!this.takeDescriptors()) break;
      this.unread.push(Buffer.from(octetsOf.slice(DATA, DATA + received)));
      this.unreadOctets += received;
      try {
        this.cut();
      } catch (error) {
        this.fail((error as Error).message);
      }
    }
    this.wake();
  }

  private takeDescriptors(): boolean {
    const end = CONTROL + Number(memory.getBigUint64(40, true));
    for (let at = CONTROL; at + CONTROL_HEAD <= end;) {
      const length = Number(memory.getBigUint64(at, true));
      if (length < CONTROL_HEAD || at + length > end) break;
      const isRights =
        memory.getInt32(at + 8, true) === sys.SOL_SOCKET && memory.getInt32(at + 12, true) === sys.SCM_RIGHTS;
      for (let fd = at + CONTROL_HEAD; isRights && fd + 4 <= at + length; fd += 4)
        this.descriptors.push(memory.getInt32(fd, true));
      at += Math.ceil(length / 8) * 8;
    }
    if ((memory.getInt32(48, true) & MSG_CTRUNC) !== 0)
      this.fail(
        'not all descriptors could be received: raise the limit of open files (LimitNOFILE, ulimit -n)',
      );
    else if (this.descriptors.length > DESCRIPTORS_MAX) this.fail('too many descriptors');
    else return true;
    return false;
  }

  /** Takes whole frames from what has been read. */
  private cut(): void {
    let octets = this.unread.length === 1 ? this.unread[0]! : undefined;
    for (;;) {
      if (this.unreadOctets < HEAD) break;
      octets ??= Buffer.concat(this.unread);
      const length = octets.readUInt32BE(1);
      if (length > FRAME_MAX) throw new ChannelError(`a frame of ${length} octets is too long`);
      if (octets.length < HEAD + length) break;
      this.frames.push(this.frameOf(octets[0]!, octets.subarray(HEAD, HEAD + length)));
      octets = octets.subarray(HEAD + length);
      this.unreadOctets = octets.length;
    }
    if (octets !== undefined) this.unread = octets.length === 0 ? [] : [octets];
  }

  private frameOf(kind: number, octets: Buffer): Frame {
    switch (String.fromCharCode(kind)) {
      case 'J': {
        const message = JSON.parse(octets.toString()) as unknown;
        if (typeof message !== 'object' || message === null) throw new ChannelError('a message is no object');
        return { kind: 'message', message: message as Record<string, unknown> };
      }
      case 'T':
        this.queued += octets.length;
        return { kind: 'text', octets };
      case 'D':
        return { kind: 'descriptors', count: octets[0] ?? 0 };
      default:
        throw new ChannelError(`a frame of kind ${kind} is not known`);
    }
  }
}
