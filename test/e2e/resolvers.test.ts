/** Real resolvers, with our server as the only nameserver, in a network and mount namespace of their own. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enterNamespace } from '../harness/netns.ts';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { Pod } from './pod.ts';
import { RESOLVERS } from './programs.ts';

const MANY = Array.from({ length: 60 }, (_, index) => `fdfd:1a8::6:${(index + 1).toString(16)}`);

const ZONE = {
  vpc: 'aep',
  forward: 'off',
  net6: ['fdfd:1a8::/48'],
  namespaces: {
    nextcloud: {
      overlays: { default: { net4: '10.198.62.0/23' } },
      pods: {
        db: { ip6: 'fdfd:1a8::2:1' },
        both: { ip6: 'fdfd:1a8::2:2', overlays: { default: '10.198.62.20' } },
        four: { overlays: { default: '10.198.62.22' } },
        ...Object.fromEntries(MANY.map((ip6, index) => [`many-${index}`, { names: ['many'], ip6 }])),
      },
    },
    shop: { pods: { app: { ip6: 'fdfd:1a8::3:1' } } },
  },
};

/** Before anything of this process is in a namespace; every later child is. */
const reason = namespaceReason() ?? (await enterNamespace([]));

describe('resolvers', () => {
  const pod = new Pod();
  beforeAll(async () => {
    if (reason === undefined) await pod.start(ZONE);
  });
  afterAll(() => pod.stop());

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
      });

      const ask = (name: string) => pod.ask(command(name));

      test('a bare name with AAAA only', async () => {
        const { found, lines } = await ask('db');
        expect(found, lines.join('\n')).toEqual(['fdfd:1a8::2:1']);
      });

      test('a name in another namespace', async () => {
        const { found, lines } = await ask('app.shop');
        expect(found, lines.join('\n')).toEqual(['fdfd:1a8::3:1']);
      });

      test('a name with A and AAAA', async () => {
        const { found, lines } = await ask('both');
        expect(found, lines.join('\n')).toEqual(['10.198.62.20', 'fdfd:1a8::2:2']);
      });

      test('a name with A only', async () => {
        const { found, lines } = await ask('four');
        expect(found, lines.join('\n')).toEqual(['10.198.62.22']);
      });

      // A second copy of one question would be a time-out or an answer that the resolver did not believe.
      test.each(['nosuch', 'gone.shop', 'www.example.com'])('%s is missing at once', async (name) => {
        const { found, lines, asked } = await ask(name);
        expect(found, lines.join('\n')).toEqual([]);
        expect(lines.join('\n')).not.toContain('again');
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.toSorted()).toEqual([...new Set(asked)].sort());
      });

      test('a name with 60 pods', async () => {
        const { found, lines } = await ask('many');
        for (const address of found) expect(MANY).toContain(address);
        if (resolver.tcp) expect(found.length, lines.join('\n')).toBe(60);
        // 512 octets hold 16 records behind this question.
        else expect(found.length, lines.join('\n')).toBeGreaterThanOrEqual(16);
      });
    });
  }
});
