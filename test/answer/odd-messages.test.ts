/** What goes back for questions that are broken, small, large, or not about names: header, OPT and sections. */
import { describe, expect, test } from 'vitest';
import type { Pod, Vpc } from '../../src/model.ts';
import { encodeQuery } from '../harness/build.ts';
import { typeText } from '../harness/wire-text.ts';
import { parseWire } from '../harness/wire.ts';
import type { WireMessage } from '../harness/wire.ts';
import { World } from './world.ts';
import type { PeerParts } from './world.ts';

const VPC: Vpc = { kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] };

function pod(name: string, host: number, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'aep',
    namespace: 'shop',
    name,
    aid: `p${host.toString(16).padStart(10, '0')}`,
    names: [],
    ip6: `fdfd::${host.toString(16)}`,
    overlays: [],
    ports: [],
    ready: true,
    ...more,
  };
}

function worldOf(settings: ConstructorParameters<typeof World>[0], ...pods: Pod[]): World {
  const world = new World(settings);
  world.put(VPC, pod('web', 1), ...pods);
  world.sync();
  return world;
}

function send(world: World, packet: Uint8Array, parts: PeerParts = {}): WireMessage {
  const out = new Uint8Array(65535);
  world.view.refresh();
  const length = world.responder.answer(packet, 0, packet.length, world.peer(parts), out, 0);
  expect(length).toBeGreaterThan(0);
  return parseWire(out.subarray(0, length));
}

function ask(world: World, name: string, type: string, parts: PeerParts = {}, size = 1232): WireMessage {
  return send(world, encodeQuery({ name, type, edns: { size } }), parts);
}

/** Code and text of the extended error (RFC 8914). */
function errorOf(message: WireMessage): string | undefined {
  const option = message.edns?.options.find(({ code }) => code === 15);
  if (option === undefined) return undefined;
  return `${(option.data[0]! << 8) | option.data[1]!} ${Buffer.from(option.data.subarray(2)).toString()}`;
}

const OPT = '0000290500000000000000';
const BROKEN: [string, string, boolean][] = [
  ['two questions', '123401000002000000000001 026462 00 001c0001 026462 00 001c0001' + OPT, true],
  ['no question', '123401000000000000000001' + OPT, true],
  ['a record promised behind OPT', '123401000001000000000002 026462 00 001c0001' + OPT, true],
  ['two OPT records', '123401000001000000000002 026462 00 001c0001' + OPT + OPT, false],
  ['OPT among the answers', '123401000001000100000000 026462 00 001c0001' + OPT, false],
  [
    'an option that overruns',
    '123401000001000000000001 026462 00 001c0001 0000290500000000000004000a0010',
    false,
  ],
  ['a broken name', '123401000001000000000001 ff6462 00 001c0001' + OPT, false],
];

describe('FORMERR', () => {
  const world = worldOf({ forward: 'on' });

  test.each(BROKEN)('for %s carries an OPT record only behind a sound one', (_what, hex, withOpt) => {
    const message = send(world, Buffer.from(hex.replace(/\s/g, ''), 'hex'));
    expect([message.rcode, message.question.length, message.edns !== undefined]).toEqual([1, 0, withOpt]);
    if (withOpt) expect(errorOf(message)).toMatch(/^0 this message breaks the format of DNS/);
  });
});

describe('RA', () => {
  const on = worldOf({ forward: 'on' });
  const off = worldOf({ forward: 'off' });
  const version1 = encodeQuery({ name: 'web', edns: { version: 1 } });
  const chaos = encodeQuery({ name: 'version.bind', type: 'TXT', class: 'CH' });
  const badCookie = encodeQuery({ name: 'web', edns: { options: [{ code: 10, hex: '00' }] } });
  const twice = Buffer.from(BROKEN[0]![1].replace(/\s/g, ''), 'hex');

  test.each([
    ['BADVERS', 16, version1],
    ['FORMERR', 1, twice],
    ['a bad cookie', 1, badCookie],
    ['class CH', 0, chaos],
  ] as const)('tells in %s whether outside names are on for this client', (_what, rcode, packet) => {
    for (const [world, from, ra] of [
      [on, 'fdfd::1', true],
      [off, 'fdfd::1', false],
      [on, '2001:db8::1', false],
    ] as const) {
      const message = send(world, packet, { from });
      expect([message.rcode, message.flags.ra]).toEqual([rcode, ra]);
    }
  });

  test('is clear in NOTIMP, which says why', () => {
    const message = send(on, encodeQuery({ name: 'web', opcode: 5, edns: {} }));
    expect([message.rcode, message.flags.ra]).toEqual([4, false]);
    expect(errorOf(message)).toBe('21 only the opcode QUERY is served');
  });
});

describe('a negative answer', () => {
  const zone = `${'z'.repeat(63)}.${'y'.repeat(63)}.${'x'.repeat(20)}`;
  const world = worldOf({ zone, nodeName: 'n'.repeat(128) });
  const name = `${'q'.repeat(63)}.${'r'.repeat(63)}.${'s'.repeat(40)}.shop`;
  const packet = (size: number): Uint8Array =>
    encodeQuery({ name, edns: { size, options: [{ code: 3, hex: '' }] } });

  test('keeps its SOA before NSID and the extended error', () => {
    world.writer.setStale('aep', true);
    const small = send(world, packet(512));
    expect([small.rcode, small.authority.length, small.flags.tc]).toEqual([3, 1, false]);
    expect(small.edns!.options.map(({ code }) => code)).toEqual([15]);
    const large = send(world, packet(1232));
    expect(large.authority.length).toBe(1);
    expect(large.edns!.options.map(({ code }) => code)).toEqual([3, 15]);
    world.writer.setStale('aep', false);
  });

  test('of class CH has a SOA of class CH', () => {
    const message = send(world, encodeQuery({ name: 'version.bind', type: 'A', class: 'CH' }));
    expect([message.rcode, message.answer.length, message.authority.length]).toEqual([0, 0, 1]);
    const [soa] = message.authority;
    expect([typeText(soa!.type), soa!.class, soa!.pointerTo]).toEqual(['SOA', 3, 12]);
  });
});

describe('additional records of SRV', () => {
  const http = [{ name: 'http', protocol: 'tcp', port: 80 } as const];
  const overlays = Array.from({ length: 40 }, (_, i) => ({
    overlay: `o${i}`,
    ip4: `10.0.${i}.1`,
    pinned: true,
  }));

  test('are whole RRsets or none', () => {
    const world = worldOf({ aRecords: 'all' }, pod('db', 2, { ports: http, overlays }));
    const owners = (size: number): string[] =>
      ask(world, '_http._tcp.db', 'SRV', {}, size).additional.map(({ type }) => typeText(type));
    const all = owners(1232);
    expect(all).toEqual(['AAAA', ...Array.from({ length: 40 }, () => 'A')]);
    let seen = new Set<number>();
    for (let size = 512; size <= 1232; size += 8) {
      const { length } = owners(size);
      seen = seen.add(length);
      expect([1, 41]).toContain(length);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([1, 41]);
  });

  test('go on beyond the reach of compression pointers', () => {
    const names = Array.from({ length: 600 }, (_, i) =>
      pod(`db-${i}`, 0x100 + i, { names: ['db'], ports: http }),
    );
    const world = worldOf({}, ...names);
    const message = ask(world, '_http._tcp.db', 'SRV', { tcp: true });
    expect([message.answer.length, message.additional.length]).toEqual([600, 600]);
    const text = (labels: WireMessage['answer'][0]['name']): string =>
      labels.map((label) => Buffer.from(label)).join('.');
    const targets = message.answer.map((record) => record.text.split(' ')[3]);
    const owners = message.additional.map(({ name }) => `${text(name)}.`);
    expect(owners).toEqual(targets);
    expect(message.additional.filter(({ pointer }) => !pointer).length).toBeGreaterThan(0);
  });
});

describe('more than a message over TCP holds', () => {
  test('is cut at a whole record, and says so', () => {
    const many = Array.from({ length: 3000 }, (_, i) => pod(`m${i}`, 0x1000 + i, { names: ['many'] }));
    const world = worldOf({}, ...many);
    const message = ask(world, 'many', 'AAAA', { tcp: true });
    expect(message.answer.length).toBe(Math.floor((65535 - 12 - 10 - 11) / 28));
    expect(message.flags.tc).toBe(true);
    const few = ask(world, 'web', 'AAAA', { tcp: true });
    expect(few.flags.tc).toBe(false);
  });
});
