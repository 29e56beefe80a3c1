/** A worker asks for a short slice, keeps its niceness, and leaves other policies alone. */
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { requestShortSlice } from '../../src/transport/scheduler-slice.ts';
import { loadSystem } from '../../src/transport/syscalls.ts';
import type { System } from '../../src/transport/syscalls.ts';

const { system, reason } = loadSystem();
if (system === undefined && process.env['PODNS_TEST_REQUIRE_TOOLS'] === '1') throw new Error(reason);

function fake(policy: number): { system: System; asked: DataView[] } {
  const asked: DataView[] = [];
  let memory = new ArrayBuffer(0);
  const calls: Partial<System> = {
    sched_getscheduler: () => policy,
    sched_setattr: (thread, address, flags) => {
      expect([thread, address, flags]).toEqual([0, 4096, 0]);
      asked.push(new DataView(memory));
      return 0;
    },
    pin: (given) => {
      memory = given as ArrayBuffer;
      return 4096;
    },
  };
  return { system: calls as System, asked };
}

test('the usual policy, the niceness as it is, 100 microseconds', () => {
  const { system: usual, asked } = fake(0);
  requestShortSlice(usual);
  expect(asked).toHaveLength(1);
  expect(asked[0]!.getUint32(0, true)).toBe(asked[0]!.byteLength);
  expect(asked[0]!.getUint32(4, true)).toBe(0);
  expect(asked[0]!.getInt32(16, true)).toBe(getPriority());
  expect(asked[0]!.getBigUint64(24, true)).toBe(100_000n);
});

test('another policy, or none that is known, is left alone', () => {
  for (const policy of [1, 2, 3, -1]) {
    const { system: other, asked } = fake(policy);
    requestShortSlice(other);
    expect(asked).toEqual([]);
  }
});

test.skipIf(system === undefined)('the system takes it', () => {
  expect(system!.sched_getscheduler(0)).toBeGreaterThanOrEqual(-1);
  expect(() => requestShortSlice(system!)).not.toThrow();
});
