import { describe, expect, it } from 'vitest';
import { EFD_CLOEXEC, EFD_NONBLOCK, loadSystem } from '../../src/transport/syscalls.ts';
import { Epoll } from '../../src/transport/udp-batch/epoll.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';

describe.skipIf(batchUnavailableReason() !== undefined)('epoll', () => {
  it('tells what it was told while others are watched and left', () => {
    const { system } = loadSystem();
    const epoll = new Epoll(system!);
    const readable = (): number => system!.eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    const [first, second] = [readable(), readable()];
    try {
      epoll.add(first!, 7);
      expect(epoll.wait(0)).toBe(1);
      epoll.add(second!, 8);
      expect(epoll.at(0)).toBe(7);
      epoll.remove(first!);
      expect(epoll.at(0)).toBe(7);
      expect([epoll.wait(0), epoll.at(0)]).toEqual([1, 8]);
      // Again: it stays as it was.
      epoll.add(second!, 8);
      expect([epoll.wait(0), epoll.at(0)]).toEqual([1, 8]);
      expect(() => epoll.add(-1, 9)).toThrow('EBADF');
    } finally {
      epoll.close();
      for (const fd of [first!, second!]) system!.close(fd);
    }
  });
});
