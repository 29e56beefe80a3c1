/** What a server is made of, for those who make one. */
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/table.ts';
import type { Source } from '../model.ts';
import type { BoundSockets } from '../transport/inherited.ts';
import type { Reserve } from '../trie/memory.ts';
import type { ServedImage } from './image.ts';
import type { Logger } from './logger.ts';

export interface ServerOptions {
  /** Settings that differ from their defaults, by their names in `Config`. Listeners among them open in `start`. */
  config?: Partial<Config>;
  /** Further sources, which come after those of the configuration in precedence. */
  sources?: Source[];
  logger?: Logger;
  version?: string;
  /** @internal For tests: monotonic milliseconds with timers. */
  clock?: Clock;
  /** @internal For tests: milliseconds since 1970. */
  wallClock?: () => number;
  /** Octets of address space for the view; memory is used where it is touched. Default: enough for 30 million names. */
  reserve?: Reserve;
  /** 16 octets, equal for all servers that share one address (RFC 9018). */
  cookieSecret?: Uint8Array;
  /** @internal Sockets that are bound already. */
  inherited?: BoundSockets;
  /** @internal What is served until the saved view is read, see `servedImage`. */
  image?: ServedImage | undefined;
  /** @internal An image is written beside the saved view. */
  keepsImage?: boolean;
}
