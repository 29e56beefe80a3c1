/** The log and the standard output: a missing or slow reader of them neither blocks the process nor its end. */
import { fstatSync } from 'node:fs';
import { destination, type DestinationStream } from 'pino';

/** Octets of log lines that may wait for a reader; further lines are dropped and counted. */
const WAITING_MAX = 2 ** 20;
/** Milliseconds that the end waits for a reader of the last lines. */
const LAST_LINES_MS = 500;

/** Called when a stream is full or has lost its reader. */
export interface Complaints {
  /** Lines were dropped; called when the stream takes lines again. */
  lost(lines: number): void;
  /** Standard output has lost its reader. */
  unread(): void;
}

export class StandardStreams {
  /** Where log lines go: standard error. */
  readonly log: DestinationStream;
  private readonly complaints: Complaints;
  private lost = 0;
  private flush: () => void = () => undefined;

  constructor(complaints: Complaints) {
    this.complaints = complaints;
    this.log = isPipe(2) ? this.toPipe() : this.toFile();
    // In `podns serve | true` the banner has no reader, but DNS clients still need the server.
    process.stdout.removeAllListeners('error').once('error', () => complaints.unread());
    process.stdout.on('error', () => undefined);
  }

  /** Waits for the last lines to be read; after this, unread lines no longer keep the process from ending. */
  async end(): Promise<void> {
    this.flush();
    const isPending = (): boolean => process.stderr.writableLength + process.stdout.writableLength > 0;
    const deadline = performance.now() + LAST_LINES_MS;
    while (isPending() && performance.now() < deadline) await new Promise((done) => setTimeout(done, 10));
    // A pending write keeps the event loop alive, so the process exits with the exit code that is set by then.
    if (isPending()) setTimeout(() => process.exit(), LAST_LINES_MS).unref();
  }

  /**
   * Node writes to a pipe when it has space; a thread of the pool that blocks in a write would keep the process alive.
   */
  private toPipe(): DestinationStream {
    const { stderr } = process;
    stderr.on('drain', () => this.drained());
    return {
      write: (line) => {
        if (stderr.writableLength + line.length > WAITING_MAX) this.lost++;
        else if (!stderr.destroyed) stderr.write(line);
      },
    };
  }

  /** Writes asynchronously, because a slow disk or a paused terminal must not delay answers. */
  private toFile(): DestinationStream {
    const log = destination({ dest: 2, sync: false, maxLength: WAITING_MAX });
    log.on('drop', () => this.lost++);
    log.on('drain', () => this.drained());
    this.flush = () => log.flushSync();
    return log;
  }

  private drained(): void {
    const { lost } = this;
    if (lost === 0) return;
    this.lost = 0;
    this.complaints.lost(lost);
  }
}

function isPipe(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
