/** A watch server that says what the test tells it to, connection by connection. */

import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Conversation {
  url: URL;
  headers: http.IncomingHttpHeaders;
  response: http.ServerResponse;
  /** Lines, each an object or bare text, sent in one write. */
  say(...lines: (object | string)[]): void;
  /** Octets as they are; resolves when they have left, so that the next write is another chunk. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Breaks the connection without an end. */
  cut(): void;
  refuse(status: number, headers?: http.OutgoingHttpHeaders, body?: string): void;
}

export class WatchServer {
  readonly conversations: Conversation[] = [];
  private readonly server: http.Server;
  private readonly scheme: string;
  private readonly waiting: { count: number; resolve: (conversation: Conversation) => void }[] = [];

  constructor(tls?: https.ServerOptions) {
    this.scheme = tls === undefined ? 'http' : 'https';
    const handle: http.RequestListener = (request, response) => this.accept(request, response);
    this.server = tls === undefined ? http.createServer(handle) : https.createServer(tls, handle);
  }

  listen(path?: string): Promise<void> {
    return new Promise((resolve) => {
      if (path === undefined) this.server.listen(0, '127.0.0.1', resolve);
      else this.server.listen(path, resolve);
    });
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1/watch`;
  }

  /** The conversation with this number, from 1, as soon as there is one. */
  conversation(count: number): Promise<Conversation> {
    const there = this.conversations[count - 1];
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private accept(request: http.IncomingMessage, response: http.ServerResponse): void {
    response.on('error', () => undefined);
    const write = (bytes: Uint8Array | string): Promise<void> =>
      new Promise((resolve) => {
        response.write(bytes, () => setTimeout(resolve, 5));
      });
    const conversation: Conversation = {
      url: new URL(request.url!, 'http://x'),
      headers: request.headers,
      response,
      say: (...lines) => {
        const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
        response.write(texts.map((text) => text + '\n').join(''));
      },
      write,
      cut: () => response.destroy(),
      refuse: (status, headers = {}, body = '') => {
        response.writeHead(status, headers);
        response.end(body);
      },
    };
    this.conversations.push(conversation);
    for (const waiter of this.waiting) {
      if (waiter.count === this.conversations.length) waiter.resolve(conversation);
    }
  }
}

export function pod(name: string, more: object = {}): object {
  return { kind: 'pod', vpc: 'v', namespace: 'n', name, ...more };
}

/** A full state of these objects. */
export function snapshot(revision: string, ...objects: object[]): object[] {
  return [
    { type: 'snapshot', revision },
    ...objects.map((object) => ({ type: 'put', revision, object })),
    { type: 'synced', revision },
  ];
}
