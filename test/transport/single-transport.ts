/** A batch transport with a crew of its own, which ends with it. */
import type { Listener } from '../../src/answer/peer.ts';
import type { Answering } from '../../src/transport/transport.ts';
import { BatchTransport } from '../../src/transport/udp-batch/udp-batch.ts';
import type { BatchOptions } from '../../src/transport/udp-batch/udp-batch.ts';
import { Crew } from '../../src/transport/udp-batch/crew.ts';
import type { CrewOptions } from '../../src/transport/udp-batch/crew.ts';

export class SingleTransport extends BatchTransport {
  readonly crew: Crew;

  constructor(listener: Listener, answering: Answering, options: CrewOptions & BatchOptions) {
    const crew = new Crew(answering, options);
    super(listener, crew, options);
    this.crew = crew;
  }

  /** Resolves when it is served. */
  override async open(): Promise<number> {
    try {
      const port = await super.open();
      await this.crew.ready();
      return port;
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  override async close(graceMs?: number): Promise<void> {
    await super.close(graceMs);
    await this.crew.close();
  }
}
