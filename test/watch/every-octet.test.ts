/**
 * A recorded session of a watch stream that ends at any octet, or whose changes come twice or in another order: the view
 * is the server's in the end. A stream that is cut, ended, or repeated shows no state on the way that never was.
 *
 * `PODNS_EVERY_OCTET=1` is the long form: each octet instead of each seventeenth.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { watchSource } from '../../src/source/watch/watch.ts';
import { MapSink } from '../source/map-sink.ts';

const STRIDE = process.env['PODNS_EVERY_OCTET'] === '1' ? 1 : 17;

const pod = (name: string, last: number): object => ({
  ...{ kind: 'pod', vpc: 'v', namespace: 'n', name, aid: 'p1', note: 'bücher' },
  ip6: `fd00::${last}`,
});
const put = (revision: number, object: object, more = false): string =>
  JSON.stringify({ type: 'put', revision: String(revision), object, ...(more ? { more } : {}) });
const erase = (revision: number, name: string, more = false): string => {
  const object = { kind: 'pod', vpc: 'v', namespace: 'n', name };
  return JSON.stringify({ type: 'delete', revision: String(revision), object, ...(more ? { more } : {}) });
};
const list = (revision: number, ...objects: object[]): string[] => [
  JSON.stringify({ type: 'snapshot', revision: String(revision) }),
  ...objects.map((object) => put(revision, object)),
  JSON.stringify({ type: 'synced', revision: String(revision) }),
];
const bookmark = (revision: number): string =>
  JSON.stringify({ type: 'bookmark', revision: String(revision) });

/** What the server has said, in groups of one revision each; an address moves from one pod to another and back. */
const SESSION: { revision: number; lines: string[] }[] = [
  { revision: 5, lines: list(5, pod('a', 1), pod('b', 2)) },
  { revision: 6, lines: [put(6, pod('a', 3))] },
  { revision: 8, lines: [put(8, pod('c', 1), true), erase(8, 'b')] },
  { revision: 9, lines: [bookmark(9)] },
  { revision: 10, lines: [erase(10, 'c', true), put(10, pod('a', 1), true), put(10, pod('d', 4))] },
  { revision: 20, lines: list(20, pod('a', 1), pod('e', 5)) },
  { revision: 21, lines: [put(21, pod('e', 6))] },
];
/** What stands in the end. */
const WHOLE = list(21, pod('a', 1), pod('e', 6));
const octetsOf = (lines: string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''));
const RECORDED = octetsOf(SESSION.flatMap(({ lines }) => lines));

/** What the first connection gets, and how it ends; later ones get what is asked for, and stay. */
interface First {
  octets: Buffer;
  end: 'reset' | 'end' | 'stay';
}

let first: First;
let connections = 0;
const server = http.createServer((request, response) => {
  response.on('error', () => undefined);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  if (++connections === 1) {
    response.write(first.octets, () => {
      if (first.end === 'reset') response.destroy();
      else if (first.end === 'end') response.end();
    });
    if (first.octets.length === 0) response.flushHeaders();
    return;
  }
  const since = new URL(request.url!, 'http://x').searchParams.get('revision');
  const at = SESSION.findIndex(({ revision }) => String(revision) === since);
  const lines = at < 0 ? WHOLE : SESSION.slice(at + 1).flatMap((group) => group.lines);
  response.write(octetsOf([...lines, bookmark(21)]));
});

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const textOf = ({ visible }: MapSink): string =>
  [...visible]
    .map(([key, resource]) => `${key} ${JSON.stringify(resource)}`)
    .sort()
    .join('\n');

/** All states that were visible, in order; resolves when the server's last revision is. */
async function statesOf(what: First): Promise<string[]> {
  first = what;
  connections = 0;
  const states: string[] = [];
  class Recording extends MapSink {
    override async commit(): Promise<void> {
      await super.commit();
      states.push(textOf(this));
    }
  }
  const sink = new Recording();
  const { port } = server.address() as AddressInfo;
  const source = watchSource({ url: `http://127.0.0.1:${port}/v1/watch`, random: () => 0 });
  source.start(sink);
  await sink.until(
    () => sink.revision === '21' && sink.lastState === 'live' && (what.end === 'stay' || connections > 1),
  );
  await source.close();
  expect(sink.violations).toEqual([]);
  return states;
}

/** The states that were, one for each revision that changed something. */
async function history(): Promise<string[]> {
  const states = await statesOf({ octets: RECORDED, end: 'stay' });
  expect(states).toHaveLength(SESSION.length - 1);
  expect(new Set(states).size).toBe(states.length);
  expect(states.at(-1)).toMatch(/"ip6":"fd00::1".*\n.*"ip6":"fd00::6"/);
  return states;
}

describe('a session', { timeout: 300_000 }, () => {
  test.each(['reset', 'end'] as const)('that ends (%s) at any octet', async (end) => {
    const states = await history();
    for (let octets = 0; octets < RECORDED.length; octets += STRIDE) {
      const seen = await statesOf({ octets: RECORDED.subarray(0, octets), end });
      // Forward only: each state is one that was, and none comes back.
      const order = seen.map((state) => states.indexOf(state));
      expect([octets, order]).toEqual([octets, [...new Set(order)].sort((a, b) => a - b)]);
      expect([octets, order[0]! >= 0, order.at(-1)]).toEqual([octets, true, states.length - 1]);
    }
  });

  test('of which any stretch of changes is said twice', async () => {
    const states = await history();
    for (let from = 0; from < SESSION.length; from++) {
      for (let to = from + 1; to <= SESSION.length; to++) {
        const groups = [...SESSION.slice(0, to), ...SESSION.slice(from)];
        const seen = await statesOf({ octets: octetsOf(groups.flatMap(({ lines }) => lines)), end: 'stay' });
        const order = seen.map((state) => states.indexOf(state));
        expect([from, to, order.includes(-1), order.at(-1)]).toEqual([from, to, false, states.length - 1]);
      }
    }
  });

  // A change that comes while a list is open belongs to the list: there the order cannot be told.
  test('of which any two neighbouring lines of changes are exchanged ends in the right state', async () => {
    const states = await history();
    const lines = SESSION.flatMap((group) => group.lines);
    for (let at = 0; at + 1 < lines.length; at++) {
      const exchanged = lines.slice();
      [exchanged[at], exchanged[at + 1]] = [exchanged[at + 1]!, exchanged[at]!];
      if (exchanged.slice(at, at + 2).some((line) => /"(snapshot|synced)"/.test(line))) continue;
      const seen = await statesOf({ octets: octetsOf(exchanged), end: 'end' });
      expect([at, seen.at(-1)]).toEqual([at, states.at(-1)]);
    }
  });

  test('of which any two neighbouring revisions are exchanged ends in the right state', async () => {
    const states = await history();
    for (let at = 0; at + 1 < SESSION.length; at++) {
      const exchanged = SESSION.slice();
      [exchanged[at], exchanged[at + 1]] = [exchanged[at + 1]!, exchanged[at]!];
      const octets = octetsOf(exchanged.flatMap(({ lines }) => lines));
      const seen = await statesOf({ octets, end: 'end' });
      expect([at, seen.at(-1)]).toEqual([at, states.at(-1)]);
    }
  });
});
