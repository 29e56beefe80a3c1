/** The sampled query log: one line of the log for each answer that a thread has chosen. */
import { entryText, logEntry } from './recorded.ts';
import { LOGGED_ENTRIES } from '../answer/record/layout.ts';
import type { Logger } from './logger.ts';
import type { Recorder } from './recorder.ts';

/** Milliseconds between two looks; what a ring holds then bounds the lines per second. */
const INTERVAL = 200;

export class QueryLog {
  private readonly recorder: Recorder;
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;
  /** For each reader, how many of its entries are logged. */
  private readonly counts: number[] = [];

  constructor(recorder: Recorder, logger: Logger) {
    this.recorder = recorder;
    this.logger = logger;
    this.timer = setInterval(() => this.write(), INTERVAL);
    this.timer.unref();
  }

  /** Logs what is left. */
  close(): void {
    clearInterval(this.timer);
    this.write();
  }

  private write(): void {
    for (const [i, reader] of this.recorder.readers.entries()) {
      let from = this.counts[i] ?? 0;
      const end = reader.logged;
      this.counts[i] = end;
      // The thread may be writing over the oldest one just now.
      const lost = ((end - from) >>> 0) - (LOGGED_ENTRIES - 1);
      if (lost > 0) {
        this.logger.warn({ lost }, 'answers were left out of the query log: there were too many');
        from = (from + lost) | 0;
      }
      for (; from !== end; from = (from + 1) | 0) {
        const recorded = reader.loggedAt(from);
        if (recorded === undefined) continue;
        const query = logEntry(recorded);
        this.logger.info({ query }, entryText(query));
      }
    }
  }
}
