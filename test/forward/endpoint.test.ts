/** Addresses of upstreams: their texts, resolv.conf, and which of them are ourselves. */
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/forward/upstream/endpoint.ts';
import { withoutOwn } from '../../src/forward/routes/own-addresses.ts';
import { parseResolvConf, ResolvConf } from '../../src/forward/routes/resolv-conf.ts';
import { TestClock } from './world.ts';

describe('the text of an upstream', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1:53', '192.0.2.1', 53, 4],
    ['192.0.2.1:5353', '192.0.2.1:5353', '192.0.2.1', 5353, 4],
    ['2001:DB8::1', '[2001:db8::1]:53', '2001:db8::1', 53, 6],
    ['[2001:db8:0::1]', '[2001:db8::1]:53', '2001:db8::1', 53, 6],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353', '2001:db8::1', 5353, 6],
    ['fe80::1%eth0', '[fe80::1%eth0]:53', 'fe80::1%eth0', 53, 6],
    ['[fe80::1%br-0.7]:54', '[fe80::1%br-0.7]:54', 'fe80::1%br-0.7', 54, 6],
    ['::ffff:192.0.2.1', '192.0.2.1:53', '192.0.2.1', 53, 4],
    ['[::ffff:c000:201]:54', '192.0.2.1:54', '192.0.2.1', 54, 4],
    ['0.0.0.0', '127.0.0.1:53', '127.0.0.1', 53, 4],
    ['::', '[::1]:53', '::1', 53, 6],
  ])('%s is %s', (text, canonical, address, port, family) => {
    expect(parseEndpoint(text)).toEqual({ text: canonical, address, port, family });
    expect(parseEndpoint(canonical).text).toBe(canonical);
  });

  it.each([
    ['dns.example', 'is not an IP address (host names are not looked up)'],
    ['', 'is not an IP address'],
    ['192.0.2.1:', 'is not a port'],
    ['192.0.2.1:0', 'is not a port (1 to 65535)'],
    ['192.0.2.1:65536', 'is not a port'],
    ['192.0.2.1:5x', 'is not a port'],
    ['[2001:db8::1', '"[" without "]"'],
    ['[2001:db8::1]53', 'behind "]"'],
    ['[192.0.2.1]:53', 'only IPv6 addresses stand in brackets'],
    ['192.0.2.300', 'is not an IP address'],
    ['fe80::1%', 'is not the name of an interface'],
    ['fe80::1%a/b', 'is not the name of an interface'],
    ['ff02::fb', 'multicast'],
    ['224.0.0.251', 'multicast'],
    ['255.255.255.255', 'multicast or reserved'],
  ])('%s is refused: %s', (text, reason) => {
    expect(() => parseEndpoint(text)).toThrow(reason);
    expect(() => parseEndpoint(text)).toThrow(`"${text}"`);
  });
});

describe('our own listeners', () => {
  const local = () => ['127.0.0.1', '::1', '10.0.0.5', 'fe80::5%eth0', '2001:db8::5'];
  const split = (upstreams: string[], listeners: [string, number][]) => {
    const { others, own } = withoutOwn(
      upstreams.map(parseEndpoint),
      listeners.map(([address, port]) => ({ address, port })),
      local,
    );
    return { others: others.map(({ text }) => text), own: own.map(({ text }) => text) };
  };

  it('are known by address and port, in every spelling', () => {
    expect(
      split(
        ['10.0.0.5', '::ffff:10.0.0.5', '10.0.0.5:54', '10.0.0.6', 'fe80::5%eth0', 'fe80::5%eth1'],
        [
          ['10.0.0.5', 53],
          ['fe80::5%eth0', 53],
        ],
      ),
    ).toEqual({
      own: ['10.0.0.5:53', '10.0.0.5:53', '[fe80::5%eth0]:53'],
      others: ['10.0.0.5:54', '10.0.0.6:53', '[fe80::5%eth1]:53'],
    });
  });

  it('behind a wildcard are all addresses of this host, of its family and port', () => {
    expect(
      split(['127.0.0.53', '10.0.0.5', '0.0.0.0', '8.8.8.8', '::1', '10.0.0.5:54'], [['0.0.0.0', 53]]),
    ).toEqual({
      own: ['127.0.0.53:53', '10.0.0.5:53', '127.0.0.1:53'],
      others: ['8.8.8.8:53', '[::1]:53', '10.0.0.5:54'],
    });
    expect(split(['::1', '2001:db8::5', '2001:db8::6', 'fe80::5%eth0', '127.0.0.53'], [['::', 53]])).toEqual({
      own: ['[::1]:53', '[2001:db8::5]:53', '[fe80::5%eth0]:53'],
      others: ['[2001:db8::6]:53', '127.0.0.53:53'],
    });
  });
});

describe('resolv.conf', () => {
  it('gives at most three servers, in order, each once', () => {
    const text = [
      '# nameserver 192.0.2.99',
      'search example.com',
      'nameserver 192.0.2.1',
      'nameserver\tfe80::1%eth0   # a router',
      'nameserver 192.0.2.1',
      ' nameserver 192.0.2.98',
      'nameserver ::ffff:192.0.2.3;',
      'nameserver 192.0.2.4',
      'options ndots:1',
    ].join('\n');
    const { endpoints, problems } = parseResolvConf(text);
    expect(endpoints.map(({ text }) => text)).toEqual(['192.0.2.1:53', '[fe80::1%eth0]:53', '192.0.2.3:53']);
    expect(problems).toEqual([]);
  });

  it('tells lines that are no address', () => {
    const { endpoints, problems } = parseResolvConf('nameserver dns.example\r\nnameserver 192.0.2.1\r\n');
    expect(endpoints.map(({ text }) => text)).toEqual(['192.0.2.1:53']);
    expect(problems).toEqual([
      'line 1: "dns.example": "dns.example" is not an IP address (host names are not looked up)',
    ]);
  });

  let folder: string;
  let path: string;
  const clock = new TestClock();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podns-resolv-'));
    path = join(folder, 'resolv.conf');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const servers = (conf: ResolvConf): string[] => {
    clock.advance(1000);
    return conf.servers().map(({ text }) => text);
  };

  it('is followed when it is written, replaced, turned as a link, or gone for a while', () => {
    const conf = new ResolvConf(path, clock);
    expect(servers(conf)).toEqual([]);
    expect(conf.problem).toBe(`${path}: no such file`);
    writeFileSync(path, 'nameserver 192.0.2.1\n');
    expect(servers(conf)).toEqual(['192.0.2.1:53']);
    expect(conf.problem).toBe('');
    writeFileSync(join(folder, 'next'), 'nameserver 192.0.2.2\n');
    renameSync(join(folder, 'next'), path);
    expect(servers(conf)).toEqual(['192.0.2.2:53']);
    unlinkSync(path);
    expect(servers(conf)).toEqual(['192.0.2.2:53']);
    writeFileSync(path, '');
    expect(servers(conf)).toEqual(['192.0.2.2:53']);
    unlinkSync(path);
    writeFileSync(join(folder, 'stub'), 'nameserver 192.0.2.3\n');
    symlinkSync('stub', path);
    expect(servers(conf)).toEqual(['192.0.2.3:53']);
    writeFileSync(path, 'search example.com\n');
    expect(servers(conf)).toEqual([]);
    expect(conf.problem).toBe(`${path}: no nameserver`);
  });

  it('is not looked at more than once a second, and gives the same list while it stays the same', () => {
    let looks = 0;
    const file = { version: () => String(++looks), read: () => 'nameserver 192.0.2.1\n' };
    const conf = new ResolvConf(path, clock, file);
    clock.advance(1000);
    const first = conf.servers();
    conf.servers();
    expect(looks).toBe(1);
    clock.advance(1000);
    expect(conf.servers()).toBe(first);
    expect(looks).toBe(2);
  });

  it('that cannot be read leaves the last list and tells why', () => {
    let broken = false;
    const file = {
      version: () => String(broken),
      read: () => {
        if (broken) throw new Error('permission denied');
        return 'nameserver 192.0.2.1\n';
      },
    };
    const conf = new ResolvConf(path, clock, file);
    expect(servers(conf)).toEqual(['192.0.2.1:53']);
    broken = true;
    expect(servers(conf)).toEqual(['192.0.2.1:53']);
    expect(conf.problem).toBe(`${path}: permission denied`);
  });
});
