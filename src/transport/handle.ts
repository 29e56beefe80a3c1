/** The one place that reaches below node:dgram and node:net, for what a takeover needs and they do not offer. */
import type { Socket } from 'node:dgram';
import type { Server } from 'node:net';

/** The part of Node's internal handle that podns uses. */
export interface Handle {
  /** -1 on systems without descriptors. */
  fd?: number;
  /** UDP only: stop reading, stay bound. */
  recvStop?(): number;
  /** UDP only: read again. */
  recvStart?(): number;
}

/**
 * The internal handle of a socket, undefined when it is closed or this Node keeps it elsewhere. The getters
 * `socket._handle` of node:dgram warn (DEP0112), so its state is found by the description of its symbol.
 */
export function handleOf(socket: Socket | Server): Handle | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    if (symbol.description !== 'state symbol') continue;
    const state = (socket as unknown as Record<symbol, { handle?: Handle | null }>)[symbol];
    return state?.handle ?? undefined;
  }
  return (socket as unknown as { _handle?: Handle | null })._handle ?? undefined;
}
