/** The running process: gives its sockets and its view to a successor of the same user, and goes on if that fails. */
import { createServer, type Server, type Socket } from 'node:net';
import { handleOf } from '../transport/handle.ts';
import { systemError, type System } from '../transport/syscalls.ts';
import { listenAt, removeSocketFile, type SocketFile } from '../transport/unix-socket.ts';
import { Channel, ChannelError } from './channel.ts';
import { expectType, numberOf, PROTOCOL, STEP_MS, step, textOf, welcomeMessage } from './protocol.ts';
import type { HandedSocket, Welcome } from './protocol.ts';

export interface GivenSocket extends HandedSocket {
  fd: number;
}

/** What the running process does for its successor. */
export interface Giving {
  welcome(): Welcome;
  /** The whole view, once it is there, in pieces of text, and what stands beside it. */
  view(): Promise<{ head: object; text: AsyncIterable<Buffer> }>;
  digest(): Promise<string>;
  sockets(): GivenSocket[];
  /** Answers what has been read, and reads no socket any more; writes nothing to the state folder from now on. */
  leave(): Promise<void>;
  /** The successor has ended: goes on as before `leave`. */
  stay(): Promise<void>;
  log(level: 'info' | 'warn', text: string): void;
}

/** Milliseconds that a successor has for what it does between two messages: it reads the view and starts sources. */
const WORK_MS = 120_000;
/** Milliseconds for which a successor must live before its predecessor ends. */
const PROBATION_MS = 1000;
/** Connections that may wait. */
const BACKLOG_MAX = 4;

export class Giver {
  /** Resolves with the successor's process number, once it is in charge. */
  readonly succeeded: Promise<number>;
  private readonly system: System;
  private readonly giving: Giving;
  private readonly server: Server;
  private readonly channels = new Set<Channel>();
  private file: SocketFile | undefined;
  private busy = false;
  private isOver = false;
  private succeed!: (pid: number) => void;

  constructor(system: System, giving: Giving) {
    this.system = system;
    this.giving = giving;
    this.succeeded = new Promise((resolve) => (this.succeed = resolve));
    this.server = createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
    this.server.maxConnections = BACKLOG_MAX;
  }

  /** Resolves when a successor can connect; rejects with the system's error. */
  async open(path: string): Promise<void> {
    this.file = await listenAt(this.server, path);
    this.server.on('error', () => undefined);
    this.server.unref();
  }

  /** No successor from now on; one that is being served must do without. */
  close(): void {
    this.isOver = true;
    if (this.file !== undefined) removeSocketFile(this.file);
    this.file = undefined;
    this.server.close();
    for (const channel of this.channels) channel.close();
    this.channels.clear();
  }

  private accept(socket: Socket): void {
    const fd = handleOf(socket as unknown as Server)?.fd ?? -1;
    // Node would read what a connection brings without the descriptors.
    const own = fd < 0 ? -1 : this.system.dup(fd);
    socket.on('error', () => undefined);
    socket.destroy();
    if (own < 0) {
      this.giving.log('warn', `a takeover failed: ${systemError('dup', this.system.errno()).message}`);
      return;
    }
    void this.serve(new Channel(this.system, own));
  }

  private async serve(channel: Channel): Promise<void> {
    const { log } = this.giving;
    this.channels.add(channel);
    let pid = 0;
    let left = false;
    let mine = false;
    try {
      const { uid, pid: peer } = channel.peer;
      pid = peer;
      if (uid !== process.geteuid?.()) {
        log('warn', `process ${pid} of user ${uid} asked for a takeover; only the user of this process may`);
        return;
      }
      const hello = await channel.message(STEP_MS);
      expectType(hello, 'hello');
      const refusal = this.refusal(hello);
      if (refusal !== undefined) {
        log('warn', `a takeover by process ${pid} is refused: ${refusal}`);
        await channel.send({ type: 'refusal', reason: refusal });
        return;
      }
      this.busy = mine = true;
      log('info', `process ${pid}, podns ${textOf(hello, 'version')}, begins to take over`);
      await channel.send(welcomeMessage(this.giving.welcome()));
      step('welcomed');
      while (await this.fulfil(channel, await channel.message(WORK_MS)));
      left = true;
      step('leaving');
      await this.giving.leave();
      await channel.send({ type: 'left' });
      step('left');
      if (!(await livesOn(channel))) throw new ChannelError('it ended soon after');
      log('info', `process ${pid} has taken over; this one ends what it has begun`);
      this.close();
      this.succeed(pid);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (left) await this.return();
      if (!this.isOver) log('warn', `the takeover by process ${pid} failed, this process goes on: ${reason}`);
    } finally {
      if (mine) this.busy = false;
      this.channels.delete(channel);
      channel.close();
    }
  }

  private refusal(hello: Record<string, unknown>): string | undefined {
    const protocol = numberOf(hello, 'protocol');
    if (protocol !== PROTOCOL)
      return `the successor speaks version ${protocol} of the protocol, and this podns ${PROTOCOL}; stop this process and start the other one`;
    if (this.isOver) return 'this process is ending';
    if (this.busy) return 'another process is taking over already';
    return undefined;
  }

  /** False when the successor answers. */
  private async fulfil(channel: Channel, message: Record<string, unknown>): Promise<boolean> {
    const giving = this.giving;
    switch (message['type']) {
      case 'view': {
        const { head, text } = await giving.view();
        await channel.send({ type: 'view', head });
        for await (const piece of text) if (piece.length > 0) await channel.sendText(piece);
        await channel.sendEnd();
        step('viewed');
        return true;
      }
      case 'sockets': {
        const digest = await giving.digest();
        const sockets = giving.sockets();
        const named = sockets.map(({ protocol, address, port }) => ({ protocol, address, port }));
        await channel.send({ type: 'sockets', sockets: named, digest });
        await channel.sendDescriptors(sockets.map(({ fd }) => fd));
        step('given');
        return true;
      }
      case 'serving':
        return false;
      default:
        throw new ChannelError(`it says ${JSON.stringify(message['type'])}, which this podns does not know`);
    }
  }

  private async return(): Promise<void> {
    if (this.isOver) return;
    await this.giving.stay();
    step('returned');
  }
}

/** True when the other side has not closed for a while. */
async function livesOn(channel: Channel): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const lived = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, PROBATION_MS, true)));
  const outcome = await Promise.race([lived, channel.ended.then(() => false)]);
  clearTimeout(timer);
  return outcome;
}
