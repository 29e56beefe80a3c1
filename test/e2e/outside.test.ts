/** Real resolvers that ask for names inside and outside in turn, with outside names on, and with a dead upstream. */
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseMessage } from '../../src/dns/print.ts';
import { startServer, type LoopbackServer } from '../forward/loopback-server.ts';
import { a, answerTo, soa, type RecordParts } from '../forward/world.ts';
import { enterNamespace } from '../harness/netns.ts';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { Pod } from './pod.ts';
import { RESOLVERS } from './programs.ts';

const A = 1;
const AAAA = 28;
const NXDOMAIN = 3;
const NODATA_SOA = soa(60, 60);

const ZONE = {
  vpc: 'aep',
  forward: 'on',
  net6: ['fdfd:1a8::/48'],
  namespaces: {
    nextcloud: { pods: { db: { ip6: 'fdfd:1a8::2:1' }, 'web-0': { names: ['web'], ip6: 'fdfd:1a8::2:2' } } },
    shop: { pods: { app: { ip6: 'fdfd:1a8::3:1' } } },
  },
};

function aaaa(last: number): RecordParts {
  return {
    type: AAAA,
    ttl: 300,
    data: Buffer.from(`20010db8${'0'.repeat(22)}${last.toString(16).padStart(2, '0')}`, 'hex'),
  };
}

/** Records by name and type; a name that is here has every type, most without data. */
const PUBLIC: Record<string, { [type: number]: RecordParts[] }> = {
  'www.example.com': { [A]: [a(300, 1)], [AAAA]: [aaaa(1)] },
  'six.example.com': { [AAAA]: [aaaa(6)] },
  'four.example.com': { [A]: [a(300, 4)] },
  // What a stranger on the internet would say about a name below a namespace of ours, or below a pod's.
  'gone.shop': { [A]: [a(300, 66)], [AAAA]: [aaaa(66)] },
  nosuch: { [A]: [a(300, 66)], [AAAA]: [aaaa(66)] },
  'web-0.web': { [A]: [a(300, 66)], [AAAA]: [aaaa(66)] },
  'gone.web': { [A]: [a(300, 66)], [AAAA]: [aaaa(66)] },
};
const MANY = Array.from({ length: 60 }, (_, index) => aaaa(index + 100));

function publicAnswer(query: Uint8Array, tcp: boolean): Uint8Array {
  const { name, type } = parseMessage(query).question!;
  const folded = name.toLowerCase().replace(/\.$/, '');
  if (folded === 'many.example.com') {
    if (type !== AAAA) return answerTo(query, { authority: [NODATA_SOA] });
    return tcp ? answerTo(query, { answer: MANY }) : answerTo(query, { flags: 0x200 });
  }
  const records = PUBLIC[folded];
  if (records === undefined) return answerTo(query, { rcode: NXDOMAIN, authority: [NODATA_SOA] });
  const answer = records[type];
  return answerTo(query, answer === undefined ? { authority: [NODATA_SOA] } : { answer });
}

function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.of(message.length >> 8, message.length & 255, ...message);
}

/** Before anything of this process is in a namespace; every later child is. */
const reason = namespaceReason() ?? (await enterNamespace([]));

describe('with outside names on', () => {
  const pod = new Pod();
  let upstream: LoopbackServer | undefined;

  beforeAll(async () => {
    if (reason !== undefined) return;
    upstream = await startServer({
      udp: (query) => [publicAnswer(query, false)],
      tcp: (query) => ({ octets: framed(publicAnswer(query, true)) }),
    });
    await pod.start(ZONE, ['--upstreams', upstream.text]);
  });
  afterAll(async () => {
    await pod.stop();
    await upstream?.close();
  });

  /** Names that the upstream was asked for since the last call. */
  function forwarded(): string[] {
    const { udpQueries, tcpQueries } = upstream!;
    const all = [...udpQueries.splice(0), ...tcpQueries.splice(0)];
    const names = all.map((query) => parseMessage(query).question!.name.toLowerCase().replace(/\.$/, ''));
    return [...new Set(names)].filter((name) => name !== '').sort();
  }

  for (const resolver of RESOLVERS) {
    const missing = reason ?? missingTools(resolver.tools);
    if (missing !== undefined) {
      skipAloud(resolver.title, missing);
      continue;
    }

    describe(resolver.title, () => {
      let command: (name: string) => string[];
      beforeAll(() => {
        command = resolver.prepare(mkdtempSync(join(pod.folder, 'build-')));
        forwarded();
      });

      /** A question that is asked twice in the same way had to wait, or its answer was not believed. */
      async function ask(name: string): Promise<string[]> {
        const { found, lines, asked } = await pod.ask(command(name));
        expect(lines.join('\n')).not.toContain('again');
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.toSorted()).toEqual([...new Set(asked)].sort());
        return found;
      }

      test('names inside and outside, in turn', async () => {
        expect(await ask('db')).toEqual(['fdfd:1a8::2:1']);
        expect(await ask('www.example.com')).toEqual(['192.0.2.1', '2001:db8::1']);
        expect(await ask('app.shop')).toEqual(['fdfd:1a8::3:1']);
        expect(await ask('web-0.web')).toEqual(['fdfd:1a8::2:2']);
        expect(await ask('six.example.com')).toEqual(['2001:db8::6']);
        expect(await ask('four.example.com')).toEqual(['192.0.2.4']);
        expect(await ask('db.nextcloud.vpc.internal')).toEqual(['fdfd:1a8::2:1']);
      });

      test('a missing outside name is missing at once', async () => {
        expect(await ask('missing.example.com')).toEqual([]);
      });

      test('missing names of ours are not asked of anybody', async () => {
        forwarded();
        expect(await ask('nosuch')).toEqual([]);
        expect(await ask('gone.shop')).toEqual([]);
        expect(await ask('gone.web')).toEqual([]);
        const left = forwarded();
        for (const name of ['nosuch', 'gone.shop', 'gone.web']) expect(left).not.toContain(name);
        expect(left.filter((name) => name.endsWith('.internal'))).toEqual([]);
      });

      test('60 addresses, which no datagram of the upstream held', async () => {
        // Not `ask`: glibc looks up all over again with a larger buffer when so many do not fit into its first.
        const { found } = await pod.ask(command('many.example.com'));
        for (const address of found) expect(address).toMatch(/^2001:db8::[0-9a-f]{2}$/);
        if (resolver.tcp) expect(found.length).toBe(60);
        else expect(found.length).toBeGreaterThanOrEqual(16);
      });
    });
  }
});

describe('with an upstream that never answers', () => {
  const pod = new Pod();
  let silent: Socket | undefined;

  beforeAll(async () => {
    if (reason !== undefined) return;
    silent = createSocket('udp4');
    await new Promise<void>((resolve) => silent!.bind(0, '127.0.0.1', resolve));
    await pod.start(ZONE, ['--upstreams', `127.0.0.1:${silent.address().port}`]);
  });
  afterAll(async () => {
    await pod.stop();
    silent?.close();
  });

  // Of those that can be had without compiling anything.
  const [resolver] = RESOLVERS;
  const missing = reason ?? missingTools(resolver!.tools);
  if (missing !== undefined) {
    skipAloud(resolver!.title, missing);
    return;
  }

  test('local names are found while an outside one is waited for', async () => {
    const command = resolver!.prepare(pod.folder);
    const outside = pod.run(command('www.example.com'));
    let over = false;
    void outside.then(() => (over = true));
    while (!pod.tap.asked.some((question) => question.startsWith('www.example.com'))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await pod.run(command('db'))).join()).toContain('fdfd:1a8::2:1');
    expect((await pod.run(command('app.shop'))).join()).toContain('fdfd:1a8::3:1');
    expect(over, 'the outside name was given up before').toBe(false);
    expect((await outside).join()).toBe('error none');
  });
});
