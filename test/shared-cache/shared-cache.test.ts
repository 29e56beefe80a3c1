/** What is on the shared cache is given to its own tenant, while it is fresh, and never after it was taken off. */
import { describe, expect, test } from 'vitest';
import { ENTRY_TENANT, HEAD_SHIFT, OWN_READER, UNIT_WORDS } from '../../src/shared-cache/layout.ts';
import { Stand, answerOf, questionFor, queryOf, taken } from './put.ts';

const DATA = Uint8Array.of(192, 0, 2, 1);
const other = Uint8Array.of(198, 51, 100, 7);
const name = 'www.example.com';

describe('an answer on the shared cache', () => {
  test('is given for its whole key alone', () => {
    const stand = new Stand();
    stand.put(1, name, DATA);
    const reader = stand.reader(0);
    expect(taken(reader, 1, { name: 'WwW.exAmple.com', type: 1 })).toEqual(Buffer.from(DATA));
    expect(taken(reader, 2, { name, type: 1 })).toBeUndefined();
    expect(taken(reader, 1, { name: 'www.example.co', type: 1 })).toBeUndefined();
    expect(taken(reader, 1, { name: 'wwx.example.com', type: 1 })).toBeUndefined();
    expect(taken(reader, 1, { name, type: 28 })).toBeUndefined();
    expect(taken(reader, 1, { name, type: 1, class: 3 })).toBeUndefined();
    expect(taken(reader, 1, { name, type: 1, cd: true })).toBeUndefined();
    expect(taken(reader, 1, { name, type: 1, edns: { do: true } })).toBeUndefined();
  });

  test('is not given by its hash: an entry whose tenant is another answers nobody', () => {
    const stand = new Stand();
    const unit = stand.put(1, name, DATA);
    // As if the hashes of two tenants' questions were the same.
    new Int32Array(stand.sharedCache.memory.arena)[unit * UNIT_WORDS + ENTRY_TENANT] = 2;
    expect(taken(stand.reader(0), 1, { name, type: 1 })).toBeUndefined();
  });

  test('is given until it expires, and then the main thread is asked', () => {
    const stand = new Stand();
    stand.put(1, name, DATA, 60);
    const reader = stand.reader(0);
    stand.now += 59_999;
    expect(taken(reader, 1, { name, type: 1 })).toBeDefined();
    stand.now += 1;
    expect(taken(reader, 1, { name, type: 1 })).toBeUndefined();
  });

  test('has the TTL that the upstream gave when it was put up after the reader came in', () => {
    const stand = new Stand();
    const reader = stand.reader(0);
    reader.enter();
    stand.now += 0.4;
    stand.put(1, name, DATA, 60);
    const out = new Uint8Array(512);
    const query = queryOf({ name, type: 1 });
    const end = reader.write(reader.find(1, query), query, out, 0);
    reader.leave();
    expect(new DataView(out.buffer).getUint32(end - 10)).toBe(60);
  });

  test('goes by the shift that all threads share', () => {
    const stand = new Stand();
    stand.put(1, name, DATA, 60);
    const reader = stand.reader(0);
    Atomics.store(new Int32Array(stand.sharedCache.memory.head), HEAD_SHIFT, 60_000);
    expect(stand.sharedCache.now()).toBe(stand.now + 60_000);
    expect(taken(reader, 1, { name, type: 1 })).toBeUndefined();
  });

  test('is left to the main thread when it is popular and in its last tenth', () => {
    const stand = new Stand();
    const unit = stand.put(1, name, DATA, 100);
    const reader = stand.reader(0);
    for (let i = 0; i < 2; i++) expect(taken(reader, 1, { name, type: 1 })).toBeDefined();
    stand.now += 91_000;
    expect(taken(reader, 1, { name, type: 1 })).toBeDefined();
    expect(taken(reader, 1, { name, type: 1 })).toBeUndefined();
    // The writer counts on from there.
    expect(stand.sharedCache.hit(unit)).toBe(3);
  });

  test('is given only while the lease lasts', () => {
    const stand = new Stand();
    stand.put(1, name, DATA);
    const reader = stand.reader(0);
    stand.sharedCache.lease(5);
    stand.now += 4000;
    expect(taken(reader, 1, { name, type: 1 })).toBeDefined();
    stand.now += 1000;
    expect(taken(reader, 1, { name, type: 1 })).toBeUndefined();
    stand.sharedCache.lease(5);
    expect(taken(reader, 1, { name, type: 1 })).toBeDefined();
  });

  test('is counted, and marked for the writer once', () => {
    const stand = new Stand();
    const unit = stand.put(1, name, DATA);
    expect(stand.sharedCache.wasTouched(unit)).toBe(false);
    for (let i = 0; i < 5; i++) taken(stand.reader(i % 2), 1, { name, type: 1 });
    taken(stand.reader(OWN_READER), 1, { name, type: 1 });
    expect(stand.sharedCache.hits).toBe(6);
    expect(stand.sharedCache.wasTouched(unit)).toBe(true);
    expect(stand.sharedCache.wasTouched(unit)).toBe(false);
  });

  test('is read back as it was put up', () => {
    const stand = new Stand();
    const question = questionFor(1, name);
    const answer = { ...answerOf(question, DATA), rcode: 3, authenticData: true, edns: false };
    answer.octets.fill(0, 0, answer.recordsAt);
    const unit = stand.sharedCache.publish(question, answer, { storedAt: 5, seconds: 9, negative: true });
    expect(stand.sharedCache.read(unit)).toEqual({ ...answer, octets: Uint8Array.from(answer.octets) });
  });

  test('that is too long is refused', () => {
    const stand = new Stand();
    expect(stand.put(1, name, new Uint8Array(2048))).toBe(0);
    expect(stand.sharedCache.used).toBe(0);
  });
});

describe('an answer taken off', () => {
  test('is found no more, and the others still are', () => {
    const stand = new Stand();
    const reader = stand.reader(0);
    const units = Array.from({ length: 2000 }, (_, i) => stand.put(1 + (i % 3), `n${i}.example`, DATA));
    expect(units).not.toContain(0);
    units.forEach((unit, i) => {
      if (i % 2 === 0) stand.sharedCache.remove(unit);
    });
    expect(stand.sharedCache.entries).toBe(1000);
    for (let i = 0; i < units.length; i++) {
      const got = taken(reader, 1 + (i % 3), { name: `n${i}.example`, type: 1 });
      expect(got === undefined, `n${i}`).toBe(i % 2 === 0);
    }
    units.forEach((unit, i) => {
      if (i % 2 === 1) stand.sharedCache.remove(unit);
    });
    expect(stand.sharedCache).toMatchObject({ entries: 0, used: 0 });
    expect(new Int32Array(stand.sharedCache.memory.slots).every((slot) => slot === 0)).toBe(true);
  });

  test('keeps its octets for who is inside, and gives them up when he has left', () => {
    const stand = new Stand();
    const reader = stand.reader(0);
    const later = stand.reader(1);
    const unit = stand.put(1, name, DATA);
    const query = queryOf({ name, type: 1 });
    reader.enter();
    const found = reader.find(1, query);
    expect(found).toBeGreaterThan(0);
    stand.sharedCache.remove(unit);
    // Others of the same size come: none is put in its place.
    for (let i = 0; i < 50; i++) expect(stand.put(2, `x${i}.example.com`, other)).not.toBe(unit);
    const out = new Uint8Array(512);
    const end = reader.write(found, query, out, 0);
    expect(out.subarray(end - 4, end)).toEqual(DATA);
    // One who came after it was taken off holds nothing back.
    later.enter();
    expect(later.find(1, query)).toBe(0);
    reader.leave();
    const before = stand.sharedCache.used;
    expect(stand.put(2, 'y.example.com', other)).toBeGreaterThan(0);
    expect(stand.sharedCache.used).toBe(before);
    later.leave();
  });

  test('is not held back by a reader that has died inside', () => {
    const stand = new Stand();
    stand.reader(3).enter();
    const unit = stand.put(1, name, DATA);
    stand.sharedCache.remove(unit);
    expect(stand.sharedCache.used).toBeGreaterThan(0);
    stand.sharedCache.readerEnded(3);
    const again = stand.put(1, name, DATA);
    stand.sharedCache.remove(again);
    expect(stand.sharedCache.used).toBe(0);
    // Its successor takes the same number.
    const successor = stand.reader(3);
    stand.put(1, name, DATA);
    expect(taken(successor, 1, { name, type: 1 })).toBeDefined();
  });
});

describe('a full shared cache', () => {
  test('takes nothing more until something is taken off', () => {
    const stand = new Stand(16 * 1024);
    const reader = stand.reader(0);
    const units: number[] = [];
    for (let i = 0; i < 1000; i++) {
      const unit = stand.put(1, `n${i}.example`, DATA);
      if (unit === 0) break;
      units.push(unit);
    }
    expect(units.length).toBeGreaterThan(20);
    expect(units.length).toBeLessThan(1000);
    expect(stand.put(1, 'more.example', DATA)).toBe(0);
    expect(taken(reader, 1, { name: 'n0.example', type: 1 })).toBeDefined();
    for (const unit of units.slice(0, 10)) stand.sharedCache.remove(unit);
    expect(stand.put(1, 'more.example', DATA)).toBeGreaterThan(0);
    expect(taken(reader, 1, { name: 'more.example', type: 1 })).toBeDefined();
  });

  test('of no size holds nothing', () => {
    const stand = new Stand(0);
    expect(stand.put(1, name, DATA)).toBe(0);
    expect(taken(stand.reader(0), 1, { name, type: 1 })).toBeUndefined();
  });
});
