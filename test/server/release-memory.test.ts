/** Memory that only a start or a large load needs goes back, and nothing that is the process's own with it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releaseMemory, releaseOctets, untouchedText } from '../../src/server/release-memory.ts';
import { loadSystem } from '../../src/transport/syscalls.ts';

const NODE = '/usr/bin/node';

function mapping(head: string, anonymous: number): string {
  return `${head}\nSize:   64 kB\nRss:   32 kB\nAnonymous:   ${anonymous} kB\nVmFlags: rd ex mr\n`;
}

test('only what is mapped of that file, is never written, and has no page of its own', () => {
  const maps = [
    mapping('00400000-00410000 r--p 00000000 fe:00 1  /usr/bin/node', 0),
    mapping('00410000-00430000 r-xp 00010000 fe:00 1                         /usr/bin/node', 0),
    // Relocated when it was loaded: what the file has there is something else.
    mapping('00430000-00440000 r--p 00030000 fe:00 1 /usr/bin/node', 4),
    mapping('00440000-00450000 rw-p 00040000 fe:00 1 /usr/bin/node', 0),
    mapping('00450000-00460000 r-xs 00040000 fe:00 1 /usr/bin/node', 0),
    mapping('00460000-00470000 r-xp 00000000 fe:00 2 /usr/lib/libc.so.6', 0),
    mapping('00470000-00480000 r-xp 00000000 fe:00 3 /usr/bin/node (deleted)', 0),
    mapping('00480000-00490000 r--p 00000000 00:00 0 ', 0),
    mapping('7f0000000000-7f0000010000 r--p 00000000 00:00 0 [vvar]', 0),
  ].join('');
  expect(untouchedText(NODE, maps)).toEqual([
    { start: 0x400000, length: 0x10000 },
    { start: 0x410000, length: 0x20000 },
  ]);
  expect(untouchedText(NODE, '')).toEqual([]);
});

test.runIf(process.platform === 'linux')('the program runs on from the pages of its file', async () => {
  const ranges = untouchedText(process.execPath);
  expect(ranges.length).toBeGreaterThan(0);
  const resident = (): number =>
    [
      ...readFileSync('/proc/self/smaps', 'latin1').matchAll(
        / r-xp \S+ \S+ \S+ +(\S+)\n(?:.*\n)*?Rss: +(\d+)/g,
      ),
    ]
      .filter(([, file]) => file === process.execPath)
      .reduce((sum, [, , kilobytes]) => sum + Number(kilobytes), 0);
  const before = resident();
  for (let i = 0; i < 3; i++) await releaseMemory();
  expect(resident()).toBeLessThan(before);
  expect(JSON.parse(JSON.stringify({ a: [1, /x/.test('x')] }))).toEqual({ a: [1, true] });
});

test.runIf(loadSystem().system !== undefined)(
  'whole pages of a memory go back, and nothing beside them',
  () => {
    const memory = new SharedArrayBuffer(256 << 20);
    const octets = new Uint8Array(memory).fill(7);
    const before = process.memoryUsage().rss;
    const from = 100_001;
    const to = (256 << 20) - 100_001;
    releaseOctets(memory)(from, to);
    expect(before - process.memoryUsage().rss).toBeGreaterThan(200 << 20);
    const first = octets.indexOf(0);
    const last = octets.lastIndexOf(0);
    expect(first).toBeGreaterThanOrEqual(from);
    expect(first).toBeLessThan(from + 4096);
    expect(last).toBeLessThan(to);
    expect(last).toBeGreaterThanOrEqual(to - 4096);
  },
);
