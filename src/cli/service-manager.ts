/** Tells the service manager that the server is ready, alive and ending: the protocol of sd_notify(3). */
import {
  loadSystem,
  systemError,
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from '../transport/syscalls.ts';

/** Octets of `sun_path`, unix(7). */
const PATH_MAX = 108;
/** Octets of one message; longer status texts are cut. */
const MESSAGE_MAX = 1024;

export interface ServiceManager {
  /** READY=1, with what `systemctl status` shows; then the watchdog is fed, if the unit has one. */
  ready(status: string): void;
  /** READY=1, and that this process is the service's main one from now on: it has taken over from another. */
  inCharge(status: string): void;
  reloading(): void;
  stopping(): void;
  /** Stops feeding the watchdog. */
  close(): void;
}

const nobody: ServiceManager = {
  ready: () => undefined,
  inCharge: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  close: () => undefined,
};

/** WATCHDOG_USEC where it is meant for this process, '' otherwise. */
export function watchdogOf(environment: Record<string, string | undefined>): string {
  return watchdogInterval(environment, process.pid) > 0 ? environment['WATCHDOG_USEC']! : '';
}

/** Milliseconds between two signs of life: half of what the unit allows; 0 without a watchdog for this process. */
export function watchdogInterval(environment: Record<string, string | undefined>, pid: number): number {
  const { WATCHDOG_USEC: microseconds = '', WATCHDOG_PID: owner = '' } = environment;
  if (!/^\d{1,15}$/.test(microseconds) || (owner !== '' && Number(owner) !== pid)) return 0;
  return Number(microseconds) / 2000;
}

/**
 * The service manager that NOTIFY_SOCKET names; without one, nothing is sent. `warn` gets why it cannot be told.
 * `watchdog`: WATCHDOG_USEC of the process before this one, whose service this one continues.
 */
export function serviceManager(
  environment: Record<string, string | undefined>,
  warn: (text: string) => void,
  watchdog = '',
): ServiceManager {
  const { NOTIFY_SOCKET: path = '' } = environment;
  if (path === '') return nobody;
  let send: (text: string) => void;
  try {
    send = senderTo(path);
  } catch (error) {
    warn(
      `cannot tell the service manager at ${path}: ${(error as Error).message}; use Type=exec in the unit`,
    );
    return nobody;
  }
  const interval =
    watchdog === ''
      ? watchdogInterval(environment, process.pid)
      : watchdogInterval({ WATCHDOG_USEC: watchdog }, process.pid);
  let timer: NodeJS.Timeout | undefined;
  const tell = (text: string): void => {
    try {
      send(text);
    } catch (error) {
      warn(`cannot tell the service manager at ${path}: ${(error as Error).message}`);
    }
  };
  const ready = (status: string, before = ''): void => {
    tell(`${before}READY=1\nSTATUS=${status.replaceAll('\n', ' ')}`);
    if (interval > 0) timer ??= setInterval(() => tell('WATCHDOG=1'), interval).unref();
  };
  return {
    ready,
    inCharge: (status) => ready(status, `MAINPID=${process.pid}\n`),
    reloading: () => tell('RELOADING=1'),
    stopping: () => tell('STOPPING=1'),
    close() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

/** Throws where the system calls are missing or the path cannot be one. */
function senderTo(path: string): (text: string) => void {
  const name = Buffer.from(path);
  if (!/^[/@]/.test(path) || name.length >= PATH_MAX)
    throw new Error(`it must be an absolute path or @name of less than ${PATH_MAX} octets`);
  const { system, reason } = loadSystem();
  if (system === undefined) throw new Error(reason);
  // The family, then the path; the @ of an abstract name stands for a zero octet.
  const address = new Uint8Array(new ArrayBuffer(2 + PATH_MAX));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  if (path.startsWith('@')) address[2] = 0;
  const message = new Uint8Array(new ArrayBuffer(MESSAGE_MAX));
  const at = { address: system.pin(address.buffer), message: system.pin(message.buffer) };
  const fd = system.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError('socket', system.errno());
  return (text) => {
    const { written } = new TextEncoder().encodeInto(text, message);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (system.sendto(fd, at.message, written, flags, at.address, 2 + name.length) < 0)
      throw systemError('sendto', system.errno());
  };
}
