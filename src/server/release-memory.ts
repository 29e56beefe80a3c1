/** Releases memory that a large load leaves unused: pages of V8's young generation, and of the C library. */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { loadSystem, MADV_DONTNEED } from '../transport/syscalls.ts';

/** The number of changes in one transaction that justifies a full collection of a small heap (some 20 ms). */
export const LARGE_LOAD = 50_000;

/**
 * A million pods leave 40 MB of empty pages in V8's heap and 15 MB in malloc's, and neither returns them by itself.
 * The inspector's collectGarbage sends V8's low-memory notification, the only call that shrinks the young
 * generation; it opens no port. Resolves when done; never rejects.
 */
export async function releaseMemory(): Promise<void> {
  const session = new Session();
  try {
    session.connect();
    await new Promise<void>((resolve) => {
      session.post('HeapProfiler.collectGarbage', () => resolve());
    });
  } catch {
    // A build of Node without the inspector only stays larger.
  } finally {
    session.disconnect();
  }
  const { system } = loadSystem();
  if (system === undefined) return;
  system.trim();
  for (const { start, length } of untouchedText(process.execPath))
    system.madvise(start, length, MADV_DONTNEED);
}

/** The size of a page on most machines; where it is larger, the call does nothing. */
const PAGE = 4096;

/** What gives octets back to the system that nobody reads any more, in whole pages: they are zero then. */
export function releaseOctets(memory: SharedArrayBuffer): (from: number, to: number) => void {
  return (from, to) => {
    const { system } = loadSystem();
    if (system === undefined) return;
    // The memory itself need not begin with a page.
    const address = system.pin(memory);
    const begin = Math.ceil((address + from) / PAGE) * PAGE;
    const length = Math.floor((address + to) / PAGE) * PAGE - begin;
    if (length > 0) system.madvise(begin, length, MADV_DONTNEED);
  };
}

/** Milliseconds after which a process that has loaded code has done with loading. */
const LOADED = 2000;

/** Releases memory once the work has ended that needed it only for a while: the start, or code that was loaded later. */
export class ReleaseLater {
  private timer: NodeJS.Timeout | undefined;

  soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void releaseMemory(), LOADED).unref();
  }

  close(): void {
    clearTimeout(this.timer);
  }
}

/** Octets of the address space. */
interface Range {
  start: number;
  length: number;
}

/**
 * Where a file is mapped, never to be written, and no page of it is the process's own: what the start has read of Node's
 * program, some 40 MB, most of it never again. Given back, what is needed comes from the system's cache of files.
 * `maps`: the text of /proc/PID/smaps; empty where there is none.
 */
export function untouchedText(file: string, maps = smaps()): Range[] {
  const ranges: Range[] = [];
  let range: Range | undefined;
  for (const line of maps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ \S+\s+(.*)$/.exec(line);
    if (head !== null) {
      const start = parseInt(head[1]!, 16);
      range = head[3] === file ? { start, length: parseInt(head[2]!, 16) - start } : undefined;
    } else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) range = undefined;
    else if (range !== undefined && /^Anonymous:\s+0 kB$/.test(line)) ranges.push(range);
  }
  return ranges;
}

function smaps(): string {
  try {
    return readFileSync('/proc/self/smaps', 'latin1');
  } catch {
    return '';
  }
}
