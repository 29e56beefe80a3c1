/** Makes what the configuration wants to be recorded, and passes on what the main thread has answered. */
import type { Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import type { Config } from '../config/table.ts';
import type { Logger } from './logger.ts';
import { QueryLog } from './query-log.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';

export interface RecordingOptions extends Pick<RecorderOptions, 'memory' | 'settings' | 'wallClock'> {
  config: Pick<Config, 'record' | 'recordSize' | 'logQueries'>;
  logger: Logger | undefined;
}

export class Recording {
  /** Undefined where nothing is recorded. */
  readonly recorder: Recorder | undefined;
  private readonly queryLog: QueryLog | undefined;

  constructor({ config, logger, memory, settings, wallClock }: RecordingOptions) {
    const { record: keeps, recordSize: size, logQueries: logRate } = config;
    if (keeps === 'off') return;
    this.recorder = new Recorder({ keeps, size, logRate, memory, settings, wallClock });
    if (logger !== undefined && logRate > 0) this.queryLog = new QueryLog(this.recorder, logger);
  }

  /** The answer in `out`, of so many octets, to what the responder has just judged. */
  answered(responder: Responder, peer: Peer, out: Uint8Array, length: number): void {
    if (this.recorder !== undefined && length > 0) this.recorder.answered(responder, peer, out);
  }

  /** The `reply` of a query that is answered later. */
  replying(
    packet: Uint8Array,
    peer: Peer,
    reply: (answer: Uint8Array) => void,
  ): (answer: Uint8Array) => void {
    return this.recorder === undefined ? reply : this.recorder.replying(packet, peer, reply);
  }

  close(): void {
    this.queryLog?.close();
  }
}
