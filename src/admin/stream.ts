/** An endless NDJSON response as a `WatchOutput`. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { WatchOutput } from '../watch/watch-reader.ts';

/** The events of the connection that the writer of lines needs. */
export interface StreamEnd {
  drained(): void;
  left(): void;
}

/** Milliseconds of silence after which TCP starts to probe for a dead peer. */
const KEEP_ALIVE = 15_000;

/** Sends the head, and takes the response away from fastify. */
export function beginStream(reply: FastifyReply): WatchOutput & { follow(end: StreamEnd): void } {
  reply.hijack();
  const response: ServerResponse = reply.raw;
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    // Otherwise proxies such as nginx hold lines back.
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
      // The client may have gone while the head was written.
      if (response.destroyed || response.writableEnded) end.left();
    },
  };
}
