/** Why a stream was lost is said in words that help, whatever Node calls it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { watchSource } from '../../src/source/watch/watch.ts';
import { MapSink } from './map-sink.ts';

test('a connection that is closed in the middle of a line', async () => {
  const server = createServer((_, response) => {
    response.write('{"type":"snapshot","revision":"1"}\n{"type":"synced","revision":"1"}\n{"type":"bo');
    setTimeout(() => response.destroy(), 50);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const source = watchSource({ url: `http://127.0.0.1:${port}/` });
  const sink = new MapSink();
  source.start(sink);
  try {
    await sink.until(() => sink.lastState === 'lost');
    const { reason } = sink.states.at(-1)!;
    expect(reason).toBe('the other end closed the connection in the middle of the stream');
  } finally {
    await source.close();
    server.closeAllConnections();
    server.close();
  }
});
