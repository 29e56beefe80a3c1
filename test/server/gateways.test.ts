/** Listeners on the gateways of container networks: they come and go with the networks, and no failure ends more. */
import { describe, expect, test } from 'vitest';
import { EngineHosts } from '../../src/answer/engine-hosts.ts';
import { octets } from '../answer/world.ts';
import { DOORS_MAX, Gateways } from '../../src/server/gateways.ts';
import { formatListen } from '../../src/transport/listen.ts';
import type { Listen } from '../../src/transport/listen.ts';
import { ManualClock, turn } from '../harness/clock.ts';

/** Sockets that open and close when they are told to; an address that is taken refuses. */
function host(vpcs: string[], listen = true) {
  const clock = new ManualClock();
  const open: { listener: Listen & { id: number; text: string }; close(): Promise<void> }[] = [];
  const taken = new Set<string>();
  const state = { problems: [] as string[], attempts: 0, closing: Promise.resolve() };
  const gateways = new Gateways({
    ...{ vpcs, listen, clock },
    open: async (asked) => {
      state.attempts++;
      await turn();
      if (taken.has(asked.address)) throw new Error('UDP: bind: address already in use');
      const text = formatListen(asked);
      if (open.some(({ listener }) => listener.address === asked.address)) throw new Error(`twice: ${text}`);
      const opened = {
        listener: { ...asked, id: 0, text },
        close: async () => {
          await state.closing;
          open.splice(open.indexOf(opened), 1);
        },
      };
      open.push(opened);
      return opened;
    },
    listeners: () => open,
    report: (found) => (state.problems = found.map(({ reason }) => reason)),
  });
  const texts = (): string[] => open.map(({ listener }) => listener.text).sort();
  return { gateways, clock, open, taken, state, texts };
}

describe('listeners on gateways', () => {
  test('come and go with networks, of both families', async () => {
    const { gateways, texts, state } = host(['docker']);
    gateways.tell(0, ['172.17.0.1', 'FD00:d0c:0::1', '172.17.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker', '[fd00:d0c::1]:53@docker']);
    gateways.tell(0, ['172.17.0.1', '172.18.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker', '172.18.0.1:53@docker']);
    gateways.tell(0, []);
    await turn();
    expect(texts()).toEqual([]);
    expect(state).toMatchObject({ problems: [], attempts: 3 });
  });

  test('nothing opens or closes while another process has the sockets; then all that is wanted does', async () => {
    const { gateways, texts, state } = host(['docker']);
    gateways.tell(0, ['172.17.0.1']);
    await turn();
    await turn();
    gateways.hold();
    gateways.tell(0, ['172.18.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker']);
    expect(state.attempts).toBe(1);
    await gateways.release();
    expect(texts()).toEqual(['172.18.0.1:53@docker']);
  });

  test('what a predecessor was told counts until the engine itself tells', async () => {
    const { gateways, texts } = host(['blue', 'green']);
    gateways.hold();
    gateways.tell(1, ['172.19.0.1']);
    gateways.goOnFrom([
      { vpc: 'blue', addresses: ['172.17.0.1'] },
      { vpc: 'green', addresses: ['172.20.0.1'] },
      { vpc: 'gone', addresses: ['172.21.0.1'] },
    ]);
    await gateways.release();
    expect(texts()).toEqual(['172.17.0.1:53@blue', '172.19.0.1:53@green']);
    expect(gateways.all()).toEqual([
      { vpc: 'blue', addresses: ['172.17.0.1'] },
      { vpc: 'green', addresses: ['172.19.0.1'] },
    ]);
    gateways.tell(0, []);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.19.0.1:53@green']);
  });

  test('one that is closing while its network comes back opens again, once', async () => {
    const { gateways, texts, state } = host(['docker']);
    gateways.tell(0, ['172.17.0.1']);
    await turn();
    await turn();
    let closed = (): void => undefined;
    state.closing = new Promise((done) => (closed = done));
    gateways.tell(0, []);
    gateways.tell(0, ['172.17.0.1']);
    gateways.tell(0, []);
    gateways.tell(0, ['172.17.0.1']);
    await turn();
    closed();
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker']);
    expect(state.problems).toEqual([]);
  });

  test('an address that another program has is a problem, is tried again, and harms no other', async () => {
    const { gateways, texts, state, taken, clock } = host(['docker']);
    taken.add('172.17.0.1');
    gateways.tell(0, ['172.17.0.1', '172.18.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.18.0.1:53@docker']);
    expect(state.problems).toEqual([
      'podns does not listen on 172.17.0.1:53@docker yet, and tries again: UDP: bind: address already in use',
    ]);
    const before = state.attempts;
    await clock.advance(120_000);
    expect(state.attempts - before).toBeGreaterThan(4);
    expect(state.attempts - before).toBeLessThan(10);
    taken.clear();
    await clock.advance(31_000);
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker', '172.18.0.1:53@docker']);
    expect(state.problems).toEqual([]);
  });

  test('one whose network is gone is not tried again', async () => {
    const { gateways, state, taken, clock } = host(['docker']);
    taken.add('172.17.0.1');
    gateways.tell(0, ['172.17.0.1']);
    await turn();
    await turn();
    gateways.tell(0, []);
    await turn();
    expect(state.problems).toEqual([]);
    const before = state.attempts;
    await clock.advance(120_000);
    expect(state.attempts).toBe(before);
  });

  test('one address serves one VPC: the second engine is refused, until the first lets go', async () => {
    const { gateways, texts, state } = host(['blue', 'green']);
    gateways.tell(1, ['172.17.0.1']);
    await turn();
    await turn();
    gateways.tell(0, ['172.17.0.1', '172.20.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@green', '172.20.0.1:53@blue']);
    expect(state.problems).toHaveLength(1);
    expect(state.problems[0]).toMatch(/172\.17\.0\.1:53@blue: VPC green has .* same gateway.*namespace/);
    gateways.tell(1, []);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@blue', '172.20.0.1:53@blue']);
    expect(state.problems).toEqual([]);
  });

  test('two engines that are one VPC share an address', async () => {
    const { gateways, texts, state } = host(['docker', 'docker']);
    gateways.tell(0, ['172.17.0.1']);
    gateways.tell(1, ['172.17.0.1']);
    await turn();
    await turn();
    gateways.tell(0, []);
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker']);
    expect(state).toMatchObject({ problems: [], attempts: 1 });
  });

  test('a listener of the configuration is left alone; another scope there is a problem', async () => {
    const { gateways, texts, state, open, clock } = host(['docker']);
    const configured = (text: string, address: string, vpc: string) =>
      open.push({
        listener: { id: 1, text, address, port: 53, vpc, namespace: '' },
        close: () => Promise.resolve(),
      });
    configured('172.17.0.1:53@docker', '172.17.0.1', 'docker');
    configured('172.18.0.1:53', '172.18.0.1', '');
    gateways.tell(0, ['172.17.0.1', '172.18.0.1']);
    await turn();
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker', '172.18.0.1:53']);
    expect(state.attempts).toBe(0);
    expect(state.problems).toHaveLength(1);
    expect(state.problems[0]).toContain('the listener 172.18.0.1:53 has the address already');
    open.length = 0;
    await clock.advance(60_000);
    await turn();
    expect(texts()).toEqual(['172.17.0.1:53@docker', '172.18.0.1:53@docker']);
  });

  test('are bounded, and never on all addresses or on a link-local one', async () => {
    const { gateways, open, state } = host(['docker']);
    const many = Array.from({ length: DOORS_MAX + 2 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
    gateways.tell(0, ['0.0.0.0', '::', 'fe80::1', 'nonsense', ...many]);
    for (let i = 0; i < 4; i++) await turn();
    expect(open).toHaveLength(DOORS_MAX);
    expect(state.problems).toHaveLength(2);
  });

  test('none opens after the end, and the end waits for one that is opening', async () => {
    const { gateways, open, clock, taken } = host(['docker']);
    taken.add('172.18.0.1');
    gateways.tell(0, ['172.17.0.1', '172.18.0.1']);
    await gateways.close();
    // It closes with all others of the server.
    expect(open).toHaveLength(1);
    gateways.tell(0, ['172.19.0.1']);
    await clock.advance(120_000);
    expect(open).toHaveLength(1);
  });

  test('without docker_listen there are none, but the host is known all the same', () => {
    const { gateways, state } = host(['docker'], false);
    gateways.tell(0, ['172.17.0.1']);
    expect(state.attempts).toBe(0);
    expect(new EngineHosts(gateways.engines!).has(0, octets('172.17.0.1'))).toBe(true);
    expect(host([]).gateways.engines).toBeUndefined();
  });
});
