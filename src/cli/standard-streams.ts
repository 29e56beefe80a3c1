/** The log and the standard output of a process that must go on, and end, whether anybody reads them or not. */
import { fstatSync } from 'node:fs';
import { destination, type DestinationStream } from 'pino';

/** Octets of lines that wait for their reader; what comes beyond that is lost, and counted. */
const WAITING_MAX = 2 ** 20;
/** Milliseconds that the last lines have to be read. */
const LAST_LINES_MS = 500;

/** What is said to nobody in particular: on a pipe that is full, or that nobody reads any more. */
export interface Complaints {
  /** Lines were lost; said when lines are read again. */
  lost(lines: number): void;
  /** Nobody reads standard output any more. */
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
    // The banner has no reader, as in `podns serve | true`. Clients of the server have not gone with it.
    process.stdout.removeAllListeners('error').once('error', () => complaints.unread());
    process.stdout.on('error', () => undefined);
  }

  /** Lets the last lines be read; from now on the process ends though they are not. */
  async end(): Promise<void> {
    this.flush();
    const isPending = (): boolean => process.stderr.writableLength + process.stdout.writableLength > 0;
    const deadline = performance.now() + LAST_LINES_MS;
    while (isPending() && performance.now() < deadline) await new Promise((done) => setTimeout(done, 10));
    // A write that is not done keeps the event loop going. What ends it then is the exit code that is set by now.
    if (isPending()) setTimeout(() => process.exit(), LAST_LINES_MS).unref();
  }

  /** Node writes to a pipe when there is room, and a thread of its pool that is stuck in a write could not end. */
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

  /** A disk may be slow, and a terminal may be held up: neither may hold up answers. */
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
