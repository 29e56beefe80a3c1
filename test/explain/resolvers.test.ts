/** The queries that resolvers send for a name, in order, and what they make of the answers. */
import { describe, expect, it } from 'vitest';
import { GLIBC, RFC6724, sortDestinations } from '../../src/explain/destinations.ts';
import { explainResolvers, type Looked } from '../../src/explain/resolvers.ts';

const POD = { search: 'n.vpc.internal', sources: ['fdfd::1', '10.1.0.1'] };

/** `NAME TYPE` to rcode or addresses; what is not listed is NXDOMAIN. */
function world(answers: Record<string, string | string[]>): (name: string, type: string) => Promise<Looked> {
  return (name, type) => {
    const answer = answers[`${name} ${type}`] ?? answers[name] ?? 'NXDOMAIN';
    return Promise.resolve(
      typeof answer === 'string'
        ? { rcode: answer, addresses: [], more: 0 }
        : { rcode: 'NOERROR', addresses: answer, more: 0 },
    );
  };
}

/** For each resolver the names that it asked for, then what it gets. */
async function told(
  text: string,
  answers: Record<string, string | string[]>,
  pod = POD,
): Promise<Record<string, string>> {
  const all = await explainResolvers(text, pod, world(answers));
  return Object.fromEntries(
    all.map(({ resolver, queries, addresses, error }) => {
      const names = [...new Set(queries.map(({ name }) => name))];
      return [resolver, `${names.join(' ')} → ${error?.split(':')[0] ?? addresses.join(' ')}`];
    }),
  );
}

describe('a name without a dot', () => {
  it('is searched for first', async () => {
    expect(await told('db', { 'db.n.vpc.internal. AAAA': ['fdfd::2'], 'db.n.vpc.internal. A': [] })).toEqual({
      glibc: 'db.n.vpc.internal. → fdfd::2',
      musl: 'db.n.vpc.internal. → fdfd::2',
      go: 'db.n.vpc.internal. → fdfd::2',
      'c-ares': 'db.n.vpc.internal. → fdfd::2',
      java: 'db.n.vpc.internal. → fdfd::2',
    });
  });

  it('that is missing is asked for as it stands too', async () => {
    expect(await told('db', {})).toEqual({
      glibc: 'db.n.vpc.internal. db. → EAI_NONAME',
      musl: 'db.n.vpc.internal. db. → EAI_NONAME',
      go: 'db.n.vpc.internal. db. → no such host',
      'c-ares': 'db.n.vpc.internal. db. → ARES_ENOTFOUND',
      java: 'db.n.vpc.internal. db. → EAI_NONAME',
    });
  });

  it('without data ends the walk of musl alone', async () => {
    expect(await told('db', { 'db.n.vpc.internal.': [] })).toEqual({
      glibc: 'db.n.vpc.internal. db. → EAI_NODATA',
      musl: 'db.n.vpc.internal. → EAI_NODATA',
      go: 'db.n.vpc.internal. db. → no such host',
      'c-ares': 'db.n.vpc.internal. db. → ARES_ENODATA',
      java: 'db.n.vpc.internal. db. → EAI_NODATA',
    });
  });

  it('with SERVFAIL ends the walk of musl', async () => {
    expect(await told('db', { 'db.n.vpc.internal.': 'SERVFAIL' })).toEqual({
      glibc: 'db.n.vpc.internal. db. → EAI_AGAIN',
      musl: 'db.n.vpc.internal. → EAI_AGAIN',
      go: 'db.n.vpc.internal. db. → server misbehaving',
      'c-ares': 'db.n.vpc.internal. db. → ARES_ENOTFOUND',
      java: 'db.n.vpc.internal. db. → EAI_AGAIN',
    });
  });
});

describe('a name with a dot', () => {
  it('is asked for as it stands first, and by musl not otherwise', async () => {
    expect(await told('app.shop', {})).toEqual({
      glibc: 'app.shop. app.shop.n.vpc.internal. → EAI_NONAME',
      musl: 'app.shop. → EAI_NONAME',
      go: 'app.shop. app.shop.n.vpc.internal. → no such host',
      'c-ares': 'app.shop. app.shop.n.vpc.internal. → ARES_ENOTFOUND',
      java: 'app.shop. app.shop.n.vpc.internal. → EAI_NONAME',
    });
  });

  it('that is refused ends all but Go', async () => {
    expect(await told('a.example', { 'a.example.': 'REFUSED' })).toEqual({
      glibc: 'a.example. → EAI_AGAIN',
      musl: 'a.example. → EAI_AGAIN',
      go: 'a.example. a.example.n.vpc.internal. → no such host',
      'c-ares': 'a.example. → ARES_EREFUSED',
      java: 'a.example. → EAI_AGAIN',
    });
  });

  it('at its end is searched for by nobody, and forwarded is left open', async () => {
    const all = await told('db.', {});
    expect([...new Set(Object.values(all).map((text) => text.split(' → ')[0]))]).toEqual(['db.']);
    const [first] = await explainResolvers('a.example', POD, world({ 'a.example.': 'forwarded' }));
    expect([first!.addresses, first!.error]).toEqual([[], null]);
    expect(first!.notes[0]).toContain('depends on an upstream');
  });
});

it('musl throws away the addresses of a name whose other family is NXDOMAIN', async () => {
  const all = await told('app.shop', { 'app.shop. A': ['10.1.0.9'], 'app.shop. AAAA': 'NXDOMAIN' });
  expect(all['musl']).toBe('app.shop. → EAI_NONAME');
  expect(all['glibc']).toBe('app.shop. → 10.1.0.9');
});

it('Java puts IPv4 first, glibc unique-local IPv6, the others IPv4', async () => {
  expect(await told('db.', { 'db. A': ['10.1.0.9'], 'db. AAAA': ['fdfd::2'] })).toEqual({
    glibc: 'db. → fdfd::2 10.1.0.9',
    musl: 'db. → 10.1.0.9 fdfd::2',
    go: 'db. → 10.1.0.9 fdfd::2',
    'c-ares': 'db. → 10.1.0.9 fdfd::2',
    java: 'db. → 10.1.0.9 fdfd::2',
  });
});

describe('destinations', () => {
  it.each([
    [
      'what cannot be sent to goes last',
      ['10.1.0.9', 'fdfd::2'],
      ['fdfd::1'],
      RFC6724,
      ['fdfd::2', '10.1.0.9'],
    ],
    [
      'public IPv6 is above IPv4',
      ['10.1.0.9', '2a00::2'],
      ['2a00::1', '10.1.0.1'],
      RFC6724,
      ['2a00::2', '10.1.0.9'],
    ],
    [
      'the label of the source counts first',
      ['2a00::2', 'fdfd::2'],
      ['fdfd::1'],
      GLIBC,
      ['fdfd::2', '2a00::2'],
    ],
    [
      'the nearer of two IPv6',
      ['fdfd:2::1', 'fdfd:1::2'],
      ['fdfd:1::1'],
      RFC6724,
      ['fdfd:1::2', 'fdfd:2::1'],
    ],
    ['two IPv4 stay as they came', ['10.9.0.1', '10.1.0.2'], ['10.1.0.1'], RFC6724, ['10.9.0.1', '10.1.0.2']],
    ['the loopback is its own source', ['10.1.0.9', '::1'], ['10.1.0.1'], RFC6724, ['::1', '10.1.0.9']],
  ])('%s', (_, addresses, sources, policy, sorted) => {
    expect(sortDestinations(addresses, sources, policy)).toEqual(sorted);
  });
});
