import { expect, test } from 'vitest';
import { AddressBook } from '../../../src/source/docker/addresses.ts';
import type { ContainerFacts } from '../../../src/source/docker/facts.ts';

const ADDRESS = '172.17.0.2';
const facts = (id: string, ip4: string): ContainerFacts =>
  ({ id, endpoints: [{ network: 'bridge', networkId: 'n', ip4, ip6: '' }] }) as unknown as ContainerFacts;
const losers = (stale: { id: string }[]): string => stale.map(({ id }) => id).join();

test('an address that goes to and fro is with the one that has had the last event, however often', () => {
  const book = new AddressBook();
  book.enter(facts('a', ADDRESS), 1, true);
  for (let look = 2; look < 30; look++) {
    const [from, to] = look % 2 === 0 ? ['a', 'b'] : ['b', 'a'];
    // Nothing says meanwhile that the one has given it up.
    expect(losers(book.enter(facts(to!, ADDRESS), look, true))).toBe(from);
  }
});

test('an address that two have is left to both after a few looks, also when something happens to one of them', () => {
  const book = new AddressBook();
  book.enter(facts('a', ADDRESS), 1, true);
  let look = 2;
  let disputes = 0;
  for (; look < 20; look++) {
    if (losers(book.enter(facts(look % 2 === 0 ? 'b' : 'a', ADDRESS), look, look === 2)) === '') break;
    disputes++;
  }
  expect(disputes).toBe(3);
  const others = look % 2 === 0 ? ['a', 'b', 'a'] : ['b', 'a', 'b'];
  for (const id of others) expect(losers(book.enter(facts(id, ADDRESS), ++look, true))).toBe('');
  // Once one gives it up, the next dispute is a dispute again.
  book.enter(facts('a', ''), ++look, true);
  book.enter(facts('b', ADDRESS), ++look, true);
  expect(losers(book.enter(facts('a', ADDRESS), ++look, true))).toBe('b');
});

test('the older look loses', () => {
  const book = new AddressBook();
  book.enter(facts('a', ADDRESS), 5, true);
  expect(losers(book.enter(facts('b', ADDRESS), 4, true))).toBe('b');
});
