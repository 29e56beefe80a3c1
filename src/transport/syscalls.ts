/**
 * The Linux system calls that Node does not offer, called through koffi; nothing else of podns calls into C.
 *
 * Every pointer is passed as a Number: an address of memory that `pin` keeps in place for ever, because a
 * buffer that the collector takes while the kernel still has its address ends the process. Calls return what
 * the system call returns; -1 means that `errno()`, asked at once, tells why.
 */
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_PEERCRED = 17;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SOL_IP = 0;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_FREEBIND = 15;
export const SOL_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_AUTOFLOWLABEL = 70;
export const IPV6_FREEBIND = 78;
export const SCM_RIGHTS = 1;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;
export const MSG_CMSG_CLOEXEC = 0x40000000;
export const EPOLLIN = 1;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CLOEXEC = 0o2000000;
export const PR_SET_NO_NEW_PRIVS = 38;
export const RLIMIT_CORE = 4;
export const MADV_DONTNEED = 4;
export const EFD_NONBLOCK = 0o4000;
export const EFD_CLOEXEC = 0o2000000;

export const EINTR = constants.errno.EINTR;
export const EAGAIN = constants.errno.EAGAIN;
export const EEXIST = constants.errno.EEXIST;
export const EMSGSIZE = constants.errno.EMSGSIZE;
export const ENOTCONN = constants.errno.ENOTCONN;
export const EADDRINUSE = constants.errno.EADDRINUSE;

/** Numbers of recvmmsg and sendmmsg, for the C library whose own wrappers loop over single messages (musl). */
const NUMBERS: Record<string, readonly [number, number] | undefined> = { x64: [299, 307], arm64: [243, 269] };
const SCHED_SETATTR: Record<string, number | undefined> = { x64: 314, arm64: 274 };

/** What keeps an eventfd or socket watched by the event loop; once collected, it stops watching: keep it. */
export interface WatchHandle {
  close(): void;
  unref(): void;
  ref(): void;
}

/** Arguments named `…Address` are addresses of pinned memory; lengths are octets. */
export interface System {
  errno(): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, nameAddress: number, length: number): number;
  connect(fd: number, nameAddress: number, length: number): number;
  getsockname(fd: number, nameAddress: number, lengthAddress: number): number;
  setsockopt(fd: number, level: number, option: number, valueAddress: number, length: number): number;
  getsockopt(fd: number, level: number, option: number, valueAddress: number, lengthAddress: number): number;
  /** `vectorAddress`: an array of struct mmsghdr. Blocks the calling thread unless flags or options say otherwise. */
  recvmmsg(fd: number, vectorAddress: number, count: number, flags: number, timeoutAddress: number): number;
  sendmmsg(fd: number, vectorAddress: number, count: number, flags: number): number;
  /** `messageAddress`: one struct msghdr. */
  recvmsg(fd: number, messageAddress: number, flags: number): number;
  sendmsg(fd: number, messageAddress: number, flags: number): number;
  sendto(fd: number, data: number, size: number, flags: number, nameAddress: number, length: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, dataAddress: number, length: number): number;
  write(fd: number, dataAddress: number, length: number): number;
  close(fd: number): number;
  dup(fd: number): number;
  /** `nameAddress`: a text ended by a zero octet. 0 when there is no such interface. */
  if_nametoindex(nameAddress: number): number;
  epoll_create1(flags: number): number;
  /** `eventAddress`: one struct epoll_event. */
  epoll_ctl(epfd: number, operation: number, fd: number, eventAddress: number): number;
  /** `eventsAddress`: an array of struct epoll_event. Waits at most `timeout` milliseconds. */
  epoll_wait(epfd: number, eventsAddress: number, count: number, timeout: number): number;
  /** The policy of a thread; 0: of the calling thread. */
  sched_getscheduler(thread: number): number;
  /** `attributesAddress`: a struct sched_attr. -1 where its number is not known. */
  sched_setattr(thread: number, attributesAddress: number, flags: number): number;
  prctl(option: number, two: number, three: number, four: number, five: number): number;
  /** `limitAddress`: a struct rlimit, two words of 64 bits. */
  getrlimit(resource: number, limitAddress: number): number;
  setrlimit(resource: number, limitAddress: number): number;
  /** Calls back in each pass of the event loop in which `fd` is readable. Main thread only. */
  watch(fd: number, callback: () => void): WatchHandle;
  /** Gives free pages of the C library's heap back to the system; does nothing where it is not glibc. */
  trim(): void;
  /** `advice` about the pages from `address` on. */
  madvise(address: number, length: number, advice: number): number;
  /** The address of `memory`, which is kept in place until the thread ends. Give it memory that lives as long. */
  pin(memory: ArrayBuffer | SharedArrayBuffer): number;
}

/** Either the system calls, or why they are not available, for a log line. */
export type Loaded = { system: System; reason?: undefined } | { system?: undefined; reason: string };

type Call = (...values: number[]) => number;
interface Library {
  func(name: string, result: string, parameters: string[]): Call;
}
interface Koffi {
  load(path: null): Library;
  address(memory: Uint8Array): bigint;
  errno(): number;
  node: { poll(fd: number, options: { readable: boolean }, callback: () => void): WatchHandle };
}

const pinned: (ArrayBuffer | SharedArrayBuffer)[] = [];
let loaded: Loaded | undefined;

/**
 * Loads koffi once per thread. Never throws: without koffi, or off Linux, the transport over node:dgram does the work.
 */
export function loadSystem(): Loaded {
  loaded ??= open();
  return loaded;
}

function open(): Loaded {
  if (process.platform !== 'linux') return { reason: `recvmmsg needs Linux, this is ${process.platform}` };
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { system: bindCalls(koffi, !isGlibc(koffi)) };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return { reason: `koffi is not usable: ${reason}` };
  }
}

function isGlibc(koffi: Koffi): boolean {
  try {
    koffi.load(null).func('gnu_get_libc_version', 'str', []);
    return true;
  } catch {
    return false;
  }
}

/** Binds every call; `byNumber` takes recvmmsg and sendmmsg past the C library. */
export function bindCalls(koffi: Koffi, byNumber: boolean): System {
  const libc = koffi.load(null);
  const call = (name: string, ...parameters: string[]): Call => libc.func(name, 'long', parameters);
  const int = (name: string, ...parameters: string[]): Call => libc.func(name, 'int', parameters);
  let recvmmsg: Call;
  let sendmmsg: Call;
  if (byNumber) {
    const numbers = NUMBERS[process.arch];
    if (numbers === undefined) throw new Error(`no system call numbers for ${process.arch}`);
    const [receive, send] = numbers;
    const raw = call('syscall', 'long', 'long', 'uintptr_t', 'long', 'long', 'uintptr_t');
    recvmmsg = (fd, vector, count, flags, timeout) => raw(receive, fd!, vector!, count!, flags!, timeout!);
    sendmmsg = (fd, vector, count, flags) => raw(send, fd!, vector!, count!, flags!, 0);
  } else {
    recvmmsg = int('recvmmsg', 'int', 'uintptr_t', 'uint', 'int', 'uintptr_t');
    sendmmsg = int('sendmmsg', 'int', 'uintptr_t', 'uint', 'int');
  }
  // No C library has a wrapper before glibc 2.41.
  const scheduling = SCHED_SETATTR[process.arch];
  const numbered = call('syscall', 'long', 'int', 'uintptr_t', 'uint');
  const trim = byNumber ? () => 0 : int('malloc_trim', 'size_t');
  return {
    errno: () => koffi.errno(),
    socket: int('socket', 'int', 'int', 'int'),
    bind: int('bind', 'int', 'uintptr_t', 'uint'),
    connect: int('connect', 'int', 'uintptr_t', 'uint'),
    getsockname: int('getsockname', 'int', 'uintptr_t', 'uintptr_t'),
    setsockopt: int('setsockopt', 'int', 'int', 'int', 'uintptr_t', 'uint'),
    getsockopt: int('getsockopt', 'int', 'int', 'int', 'uintptr_t', 'uintptr_t'),
    recvmmsg,
    sendmmsg,
    recvmsg: call('recvmsg', 'int', 'uintptr_t', 'int'),
    sendmsg: call('sendmsg', 'int', 'uintptr_t', 'int'),
    sendto: call('sendto', 'int', 'uintptr_t', 'size_t', 'int', 'uintptr_t', 'uint'),
    eventfd: int('eventfd', 'uint', 'int'),
    read: call('read', 'int', 'uintptr_t', 'size_t'),
    write: call('write', 'int', 'uintptr_t', 'size_t'),
    close: int('close', 'int'),
    dup: int('dup', 'int'),
    if_nametoindex: libc.func('if_nametoindex', 'uint', ['uintptr_t']),
    epoll_create1: int('epoll_create1', 'int'),
    epoll_ctl: int('epoll_ctl', 'int', 'int', 'int', 'uintptr_t'),
    epoll_wait: int('epoll_wait', 'int', 'uintptr_t', 'int', 'int'),
    prctl: int('prctl', 'int', 'long', 'long', 'long', 'long'),
    getrlimit: int('getrlimit', 'int', 'uintptr_t'),
    setrlimit: int('setrlimit', 'int', 'uintptr_t'),
    sched_getscheduler: int('sched_getscheduler', 'int'),
    sched_setattr: (thread, attributes, flags) =>
      scheduling === undefined ? -1 : numbered(scheduling, thread, attributes, flags),
    madvise: int('madvise', 'uintptr_t', 'size_t', 'int'),
    trim: byNumber ? () => undefined : () => void trim(0),
    watch: (fd, callback) => koffi.node.poll(fd, { readable: true }, callback),
    pin: (memory) => {
      if (!pinned.includes(memory)) pinned.push(memory);
      return Number(koffi.address(new Uint8Array(memory)));
    },
  };
}

/** An error of a system call in Node's form: `bind EADDRINUSE 127.0.0.1:5300`, with `code`, `errno` and `syscall`. */
export function systemError(syscall: string, errno: number, detail = ''): NodeJS.ErrnoException {
  let code: string;
  try {
    code = getSystemErrorName(-errno);
  } catch {
    code = `errno ${errno}`;
  }
  const error: NodeJS.ErrnoException = new Error(`${syscall} ${code}${detail === '' ? '' : ` ${detail}`}`);
  error.code = code;
  error.errno = -errno;
  error.syscall = syscall;
  return error;
}
