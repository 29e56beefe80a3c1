/** The control plane of the watch bench: serves a list of pods, and says changes as it is told to. */
import { once } from 'node:events';
import http from 'node:http';
import { podObject, watchLines } from './pods.mjs';

const POUR = 1 << 17;

export class Upstream {
  #server;
  #readers = new Set();
  #connected = [];
  #revision = 1;
  #pods;

  static async listen(pods) {
    const upstream = new Upstream();
    upstream.#pods = pods;
    upstream.#server = http.createServer((request, response) => upstream.#accept(request, response));
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/v1/watch`;
  }

  #accept(request, response) {
    if (new URL(request.url, 'http://x').searchParams.has('revision')) return response.writeHead(410).end();
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write([...watchLines(this.#pods)].join('\n') + '\n');
    this.#readers.add(response);
    response.on('close', () => this.#readers.delete(response));
    for (const resolve of this.#connected.splice(0)) resolve();
    return undefined;
  }

  connected() {
    return this.#readers.size > 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#connected.push(resolve));
  }

  /** A change of one pod, a revision of its own. */
  line(i, generation) {
    const revision = String(++this.#revision);
    return JSON.stringify({ type: 'put', revision, object: podObject(i, generation) }) + '\n';
  }

  /** A whole new state in which every pod has moved. */
  relist(generation) {
    const revision = String(++this.#revision);
    const lines = [];
    for (const line of watchLines(this.#pods)) {
      const said = JSON.parse(line);
      said.revision = revision;
      if (said.object?.kind === 'pod') said.object = podObject(Number(said.object.name.slice(1)), generation);
      lines.push(JSON.stringify(said));
    }
    return lines.join('\n') + '\n';
  }

  say(text) {
    for (const response of this.#readers) response.write(text);
  }

  /** A lot, no faster than it is read, and with turns of the event loop in between. */
  async pour(text) {
    const octets = Buffer.from(text);
    for (let at = 0; at < octets.length; at += POUR) {
      const piece = octets.subarray(at, at + POUR);
      await Promise.all(
        [...this.#readers].map((response) => response.write(piece) || once(response, 'drain')),
      );
    }
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
