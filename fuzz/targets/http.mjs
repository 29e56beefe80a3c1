/** The admin listener: octets of a client on a unix socket, to all routes of a running server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { HTTP_WORDS } from '../words.mjs';
import { openWorld } from '../world.mjs';

/** Milliseconds after which a client that waits for more closes its side: streams never end, and half a request has no answer. */
const PATIENCE = 40;
const request = (line, ...more) =>
  Buffer.from([`${line} HTTP/1.1`, 'Host: x', ...more, '', ''].join('\r\n'), 'latin1');

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'http',
  about: 'octets of an HTTP client; all routes of admin',
  most: 8192,
  text: true,
  words: HTTP_WORDS,
  seeds: () =>
    [
      ...[
        '/healthz',
        '/readyz',
        '/metrics',
        '/v1/status',
        '/v1/problems',
        '/v1/pods?vpc=red',
        '/v1/namespaces',
        '/v1/vpcs',
        '/v1/services?namespace=web',
        '/openapi.json',
        '/',
      ].map((path) => request(`GET ${path}`, 'Connection: close')),
      ...[
        '/v1/explain?name=db&client=fdfd:1::1',
        '/v1/watch?revision=1&vpc=red',
        '/v1/log?since=1',
        '/containers/json?filters=%7B%22name%22%3A%5B%22db%22%5D%7D',
        '/networks',
        '/events?since=0',
        '/v1.43/version',
        '/_ping',
        '/v1/find?q=db',
      ].map((path) => request(`GET ${path}`)),
      Buffer.concat([request('HEAD /healthz'), request('GET /v1/pods', 'Connection: close')]),
      request(
        'POST /v1/prove',
        'Content-Type: application/json',
        'Content-Length: 2',
        'Connection: close',
      ).toString('latin1') + '{}',
      Buffer.from('GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
    ].map((seed) => Buffer.from(seed)),
  async open() {
    const server = await openWorld();
    const { createAdmin } = await load('admin/http.js');
    const { serverRoutes } = await load('admin/server-routes.js');
    const folder = mkdtempSync(join(tmpdir(), 'podns-fuzz-'));
    const path = join(folder, 'admin');
    const admin = createAdmin({
      bind: `unix:${path}`,
      facts: { readiness: () => server.readiness() },
      routes: serverRoutes(server, '0'),
    });
    await admin.open();

    function talk(input) {
      return new Promise((resolve, reject) => {
        const chunks = [];
        const socket = connect(path);
        const timer = setTimeout(() => socket.destroy(), PATIENCE);
        socket.on('error', (error) => {
          // The server may close while we still write.
          if (!['EPIPE', 'ECONNRESET'].includes(/** @type {any} */ (error).code)) reject(error);
        });
        socket.on('data', (chunk) => chunks.push(chunk));
        socket.on('end', () => socket.end());
        socket.on('close', () => {
          clearTimeout(timer);
          resolve(Buffer.concat(chunks));
        });
        socket.write(input);
      });
    }

    let rounds = 0;
    const good = request('GET /healthz', 'Connection: close');
    return {
      async run(input) {
        const answer = (await talk(input)).toString('latin1');
        if (answer !== '') {
          must(/^HTTP\/1\.[01] [1-5]\d\d /.test(answer), 'no HTTP in answer', answer.slice(0, 200));
          const status = Number(answer.slice(9, 12));
          must(
            status < 500 || status === 501 || status === 503 || status === 505,
            'an internal error',
            answer.slice(0, 600),
          );
        }
        if (++rounds % 16 !== 0) return;
        const healthy = (await talk(good)).toString('latin1');
        must(
          /^HTTP\/1\.1 200 [^]*ok\n$/.test(healthy),
          'a good request is not answered',
          healthy.slice(0, 200),
        );
      },
      async close() {
        await admin.close();
        await server.close(0);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};
