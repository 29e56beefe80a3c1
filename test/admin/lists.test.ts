/** Lists over HTTP: one moment each, with what is only referred to; who does not read them is cut. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { listRoutes } from '../../src/admin/lists.ts';
import { ServerCore } from '../../src/server.ts';
import { keyOf, type Resource } from '../../src/model.ts';
import { eventually, pod, RESERVE } from '../watch/nodes.ts';

let server: ServerCore;
let admin: Admin;
let url = '';
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await admin.close();
  await server.close(0);
});

async function start(limits?: { readers: number; stall: number }): Promise<void> {
  server = new ServerCore({ config: { workers: 0 }, reserve: RESERVE });
  admin = createAdmin({
    bind: '127.0.0.1:0',
    facts: { readiness: () => server.readiness() },
    routes: [(app) => listRoutes(app, server, limits)],
  });
  url = `http://${await admin.open()}`;
}

async function list(path: string): Promise<string[]> {
  const response = await fetch(`${url}/v1/${path}`);
  const resources = (await response.json()) as Resource[];
  return resources.map((resource) => {
    const { vpc, namespace, name } = keyOf(resource);
    return [vpc, namespace, name].filter((part) => part !== '').join('/');
  });
}

/** Asks for a list and reads nothing. */
function stalled(): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket.pause().on('error', () => undefined));
  socket.write(`GET /v1/pods HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

describe('a list', () => {
  it('has what is said and what is only referred to, sorted, of all or of one', async () => {
    await start();
    await server.apply({
      put: [
        { kind: 'vpc', name: 'w', net6: ['fd01::/48'] },
        { ...pod('b', 'fd00::2'), namespace: 'z' },
        { ...pod('a', 'fd00::1'), namespace: 'z' },
        { kind: 'namespace', vpc: 'w', name: 'm', created: '2026-11-22T10:00:00Z' },
        { ...pod('c', 'fd01::1'), vpc: 'w' },
      ],
    });
    expect(await list('vpcs')).toEqual(['v', 'w']);
    expect(await list('vpcs?namespace=z')).toEqual(['v']);
    expect(await list('namespaces')).toEqual(['v/z', 'w/m', 'w/n']);
    expect(await list('namespaces?vpc=W')).toEqual(['w/m', 'w/n']);
    expect(await list('pods')).toEqual(['v/z/a', 'v/z/b', 'w/n/c']);
    expect(await list('pods?vpc=v&namespace=z')).toEqual(['v/z/a', 'v/z/b']);
    expect(await list('pods?vpc=nosuch')).toEqual([]);
    expect(await list('services')).toEqual([]);
    const [vpc] = (await (await fetch(`${url}/v1/vpcs?vpc=w`)).json()) as Resource[];
    expect(vpc).toMatchObject({ kind: 'vpc', net6: ['fd01::/48'] });
    expect((await fetch(`${url}/v1/pods?vpc=a&vpc=b`)).status).toBe(400);
  });

  it('that nobody reads is cut, and makes room for others', async () => {
    await start({ readers: 2, stall: 500 });
    const names = Array.from({ length: 60 }, (_, i) => `${'x'.repeat(50)}-${i}`);
    const pods = Array.from({ length: 3000 }, (_, i) => ({
      ...pod(`p${i}`, `fd00::1:${(i + 1).toString(16)}`),
      names,
    }));
    await server.apply({ put: pods });
    const ask = async (): Promise<Response> => {
      const response = await fetch(`${url}/v1/namespaces`);
      await response.text();
      return response;
    };
    for (let i = 0; i < 2; i++) stalled();
    const refused = await eventually(ask, ({ status }) => status === 503);
    expect(refused.headers.get('retry-after')).toBe('1');
    // They are still connected, as far as they know.
    await eventually(ask, ({ status }) => status === 200);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    expect(await list('namespaces')).toEqual(['v/n']);
  });
});
