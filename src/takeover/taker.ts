/** The successor: asks the running process for its view, then for its sockets, and says when it answers. */
import { loadSystem, type System } from '../transport/syscalls.ts';
import { Channel, ChannelError } from './channel.ts';
import { expectType, PROTOCOL, readSockets, readWelcome, STEP_MS, step, textOf } from './protocol.ts';
import type { HandedSocket, Welcome } from './protocol.ts';

/** Milliseconds that the running process may take to search its view for the digest. */
const DIGEST_MS = 60_000;

/** Takeover cannot be had, or the running process does not give what it has; the message says why. */
export class TakeoverError extends Error {
  override readonly name = 'TakeoverError';
  /** The running process has ended meanwhile: what it had is free. */
  readonly isGone: boolean;

  constructor(message: string, isGone = false) {
    super(message);
    this.isGone = isGone;
  }
}

/** The view of the running process as `readSnapshot` takes it. */
export interface HandedText {
  head: Record<string, unknown>;
  read(buffer: Buffer, offset: number, length: number): Promise<{ bytesRead: number }>;
}

export class Taker {
  readonly welcome: Welcome;
  private readonly channel: Channel;
  private readonly system: System;

  private constructor(system: System, channel: Channel, welcome: Welcome) {
    this.system = system;
    this.channel = channel;
    this.welcome = welcome;
  }

  /** Undefined where no process listens at the path. Rejects with TakeoverError. */
  static async connect(path: string, version: string): Promise<Taker | undefined> {
    const { system, reason } = loadSystem();
    if (system === undefined) throw new TakeoverError(`descriptors cannot be received: ${reason}`);
    let channel: Channel | undefined;
    try {
      channel = Channel.connect(system, path);
      if (channel === undefined) return undefined;
      const { pid, uid } = channel.peer;
      if (uid !== process.geteuid?.())
        throw new ChannelError(`it is process ${pid} of user ${uid}, not of the user of this one`);
      step('connected');
      await channel.send({ type: 'hello', protocol: PROTOCOL, version, pid: process.pid });
      return new Taker(system, channel, readWelcome(await channel.message(STEP_MS)));
    } catch (error) {
      channel?.close();
      throw errorAt(path, error);
    }
  }

  /** Resolves with the beginning of the view; what follows is read from it. Rejects with TakeoverError. */
  async view(): Promise<HandedText> {
    const channel = this.channel;
    const head = await this.told(async () => {
      await channel.send({ type: 'view' });
      const message = await channel.message(STEP_MS);
      expectType(message, 'view');
      return message['head'] as Record<string, unknown>;
    });
    let piece = Buffer.alloc(0);
    let ended = false;
    return {
      head,
      read: async (buffer, offset, length) => {
        while (piece.length === 0 && !ended) {
          const frame = await this.told(() => channel.next(STEP_MS));
          if (frame.kind !== 'text') throw new TakeoverError(`text was expected, and ${frame.kind} came`);
          piece = Buffer.from(frame.octets);
          ended = piece.length === 0;
        }
        const bytesRead = piece.copy(buffer, offset, 0, Math.min(length, piece.length));
        piece = piece.subarray(bytesRead);
        return { bytesRead };
      },
    };
  }

  /** The sockets, which the caller owns from now on, and the digest of the view. Rejects with TakeoverError. */
  sockets(): Promise<{ sockets: HandedSockets; digest: string }> {
    return this.told(async () => {
      const channel = this.channel;
      await channel.send({ type: 'sockets' });
      const message = await channel.message(DIGEST_MS);
      const named = readSockets(message);
      for (let got = 0; got < named.length;) {
        const frame = await channel.next(STEP_MS);
        if (frame.kind !== 'descriptors' || frame.count === 0)
          throw new ChannelError(`descriptors were expected, and ${frame.kind} came`);
        got += frame.count;
      }
      const fds = channel.descriptors.splice(0);
      const sockets = new HandedSockets(this.system, named, fds);
      if (fds.length === named.length) return { sockets, digest: textOf(message, 'digest') };
      sockets.close();
      throw new ChannelError(`${named.length} sockets were announced, and ${fds.length} came`);
    });
  }

  /** Says that this process answers; resolves when the other one reads nothing any more. Rejects with TakeoverError. */
  async serving(): Promise<void> {
    await this.told(async () => {
      await this.channel.send({ type: 'serving' });
      expectType(await this.channel.message(STEP_MS), 'left');
    });
  }

  /** Resolves when the other process has said its last word, or has gone; at the latest after a while. */
  async released(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, STEP_MS)));
    await Promise.race([this.channel.ended, late]);
    clearTimeout(timer);
    this.close();
  }

  close(): void {
    this.channel.close();
  }

  private async told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw errorAt(`process ${this.welcome.pid}`, error);
    }
  }
}

/** Sockets by what they are for; the listeners of this process take those that they need. */
export class HandedSockets {
  private readonly system: System;
  private readonly sockets = new Map<string, number[]>();

  constructor(system: System, named: readonly HandedSocket[], fds: readonly number[]) {
    this.system = system;
    for (const [i, fd] of fds.entries()) {
      const { protocol, address, port } = named[i] ?? { protocol: '', address: '', port: 0 };
      const key = keyOf(protocol, address, port);
      const same = this.sockets.get(key);
      if (same === undefined) this.sockets.set(key, [fd]);
      else same.push(fd);
    }
  }

  /** Those of one listener, which the caller owns from now on; empty where there are none. */
  take(protocol: HandedSocket['protocol'], address: string, port: number): number[] {
    const key = keyOf(protocol, address, port);
    const found = this.sockets.get(key) ?? [];
    this.sockets.delete(key);
    return found;
  }

  has(protocol: HandedSocket['protocol'], address: string, port: number): boolean {
    return this.sockets.has(keyOf(protocol, address, port));
  }

  /** Closes what nobody has taken; the other process still has it. */
  close(): void {
    for (const fds of this.sockets.values()) for (const fd of fds) this.system.close(fd);
    this.sockets.clear();
  }
}

function keyOf(protocol: string, address: string, port: number): string {
  return `${protocol} ${address} ${port}`;
}

function errorAt(what: string, error: unknown): TakeoverError {
  if (error instanceof TakeoverError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new TakeoverError(`${what}: ${reason}`, error instanceof ChannelError && error.isGone);
}
