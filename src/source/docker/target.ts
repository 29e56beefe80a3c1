/** Where an engine listens. */
import type { Target } from '../watch/http.ts';

/** `unix:/path`, a path, or `tcp://host:port`, which is plain HTTP. Throws `TypeError`. */
export function engineTarget(socket: string): Target {
  const url = new URL('http://docker/');
  if (socket.startsWith('/')) return { url, socketPath: socket };
  if (socket.startsWith('unix:')) {
    const socketPath = socket.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (!socketPath.startsWith('/'))
      throw new TypeError(`${socket}: a path such as /var/run/docker.sock must follow "unix:"`);
    return { url, socketPath };
  }
  if (/^(tcp|http):\/\//.test(socket)) {
    try {
      return { url: new URL(socket.replace(/^tcp:/, 'http:')) };
    } catch {
      throw new TypeError(`${socket}: not an address; write tcp://HOST:PORT`);
    }
  }
  throw new TypeError(
    `${socket}: write unix:/var/run/docker.sock, a path that begins with /, or tcp://HOST:PORT`,
  );
}

/** The target for names and messages. */
export function engineText({ url, socketPath }: Target): string {
  return socketPath === undefined ? `tcp://${url.host}` : `unix:${socketPath}`;
}
