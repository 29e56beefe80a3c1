/** The message and the exit code of a failed bind. */
import { SocketPlaceError } from '../admin/bind.ts';
import type { OpenListener } from '../server/transports.ts';
import { CommandError, EXIT_FAILURE, EXIT_NO_PERMISSION, EXIT_PORT_IN_USE } from './exit.ts';

type Own = readonly Pick<OpenListener['listener'], 'address' | 'port' | 'text'>[];

/** What the errors of Node and of the transports hold; only transports set `protocol`, everything else is TCP. */
type Failure = Partial<Record<'code' | 'message' | 'protocol' | 'address', string>> & { port?: number };

/** `what` is the listener as the user wrote it; `own` are the listeners that this process has already bound. */
export function bindError(what: string, error: unknown, own: Own = []): CommandError {
  const failure = error as Failure;
  const { code = '', message = String(error) } = failure;
  const fail = (exitCode: number, text: string): CommandError =>
    new CommandError(exitCode, `${what}: ${text}`);
  if (error instanceof SocketPlaceError) return fail(EXIT_PORT_IN_USE, message);
  switch (code) {
    case 'EADDRINUSE':
      return fail(EXIT_PORT_IN_USE, takenText(failure, own));
    case 'EADDRNOTAVAIL':
      return fail(EXIT_PORT_IN_USE, 'no interface of this host has this address');
    case 'EACCES':
      if (/\bunix:/.test(what)) return fail(EXIT_NO_PERMISSION, 'no permission to create a socket there');
      return fail(EXIT_NO_PERMISSION, 'no permission; ports below 1024 need CAP_NET_BIND_SERVICE');
    case 'EPERM':
      return fail(EXIT_NO_PERMISSION, 'no permission');
    default:
      return fail(EXIT_FAILURE, message);
  }
}

function takenText({ protocol = 'tcp', address, port }: Failure, own: Own): string {
  // A unix socket.
  if (port === undefined) return 'another process already uses this address';
  const place = `${protocol.toUpperCase()} port ${port} of ${address}`;
  const twin = own.find((listener) => listener.port === port && listener.address === address);
  if (twin !== undefined) return `${place} is taken by ${twin.text}, which is a listener of this process`;
  const how = protocol === 'udp' ? 'u' : 't';
  return `${place} is taken by another process; ss -ln${how}p 'sport = :${port}' names it`;
}
