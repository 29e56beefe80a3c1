/** A response that never ends, NDJSON, as the output of whoever has lines to give. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { WatchOutput } from '../watch/watch-reader.ts';

/** What the giver of lines wants to know of the connection. */
export interface StreamEnd {
  drained(): void;
  left(): void;
}

/** A dead peer is found by TCP after about this long, milliseconds, plus its probes. */
const KEEP_ALIVE = 15_000;

/** Sends the head. The response is no longer fastify's from here on. */
export function beginStream(reply: FastifyReply): WatchOutput & { follow(end: StreamEnd): void } {
  reply.hijack();
  const response: ServerResponse = reply.raw;
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    // Proxies such as nginx hold lines back otherwise.
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  response.socket?.setKeepAlive(true, KEEP_ALIVE);
  return {
    write: (bytes) => response.write(bytes),
    cut: () => void response.destroy(),
    follow(end) {
      response.on('drain', () => end.drained());
      response.on('close', () => end.left());
      response.on('error', () => end.left());
      // It may have gone while the head was written.
      if (response.destroyed || response.writableEnded) end.left();
    },
  };
}
