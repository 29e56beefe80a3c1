/** What the library's users are given: its members, what it tells as it happens, and nothing of what is inside. */
import { EventEmitter, once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createServer, type Change, type PodnsServer, type Sink, type Source } from '../../src/index.ts';
import { ask, CLIENT, pod, RESERVE, VPC } from '../watch/nodes.ts';

const servers: PodnsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

function make(sources: Source[] = []): PodnsServer {
  const server = createServer({ config: { workers: 0, forward: 'off' }, sources, reserve: RESERVE });
  servers.push(server);
  return server;
}

/** A source that delivers when the test says so. */
class Manual implements Source {
  readonly name = 'manual';
  sink!: Sink;

  start(sink: Sink): void {
    this.sink = sink;
  }

  async close(): Promise<void> {}
}

describe('the face', () => {
  it('has these members beside those of an emitter', () => {
    const plain = Object.keys(new EventEmitter());
    const members = Object.keys(make()).filter((key) => !plain.includes(key));
    expect(members.sort()).toEqual([
      'answer',
      'apply',
      'close',
      'explain',
      'listen',
      'query',
      'start',
      'status',
    ]);
  });

  it('works with its methods taken off it', async () => {
    const { apply, status } = make();
    await apply({ put: [VPC, CLIENT] });
    expect(status()).toMatchObject({
      ready: true,
      reasons: [],
      counts: { vpc: 1, namespace: 0, pod: 1, overlay: 0, service: 0 },
      problems: [],
    });
  });

  it('shows of a listener where it is, and lets it be closed', async () => {
    const server = make();
    const listener = await server.listen('127.0.0.1:0@v/n');
    expect(Object.keys(listener).sort()).toEqual(['address', 'close', 'port', 'text']);
    expect(listener.text).toBe(`127.0.0.1:${listener.port}@v/n`);
    expect(server.status().listeners.map(({ text }) => text)).toEqual([listener.text]);
    await listener.close(0);
    expect(server.status().listeners).toEqual([]);
  });
});

describe('events', () => {
  it('tell of changes once they are answerable', async () => {
    const server = make();
    const told: string[] = [];
    const answers: Promise<string>[] = [];
    server.on('change', (change: Change) => {
      told.push(change.type === 'put' ? `put ${change.resource.name}` : `delete ${change.key.name}`);
      answers.push(ask(server, 'db'));
    });
    await server.apply({ put: [VPC, CLIENT] });
    await server.apply({ put: [pod('db', 'fd00::2')] });
    await server.apply({ delete: [pod('db', 'fd00::2')] });
    await new Promise(setImmediate);
    expect(told.slice(0, 2).sort()).toEqual(['put client', 'put v']);
    expect(told.slice(2)).toEqual(['put db', 'delete db']);
    expect((await Promise.all(answers)).slice(2)).toEqual(['NOERROR fd00::2', 'NXDOMAIN']);
  });

  it('count what is too much to be told one by one', async () => {
    const server = make();
    let changes = 0;
    server.on('change', () => changes++);
    const missed = once(server, 'missed');
    const pods = Array.from({ length: 1500 }, (_, i) => pod(`p${i}`, `fd00::1:${i.toString(16)}`));
    await server.apply({ put: pods });
    expect(await missed).toEqual([500]);
    expect(changes).toBe(1000);
  });

  it('tell once when every source has delivered, not before they have started', async () => {
    const source = new Manual();
    const server = make([source]);
    let ready = 0;
    server.on('ready', () => ready++);
    await server.apply({ put: [VPC] });
    await server.start();
    source.sink.state('live');
    await new Promise(setImmediate);
    expect(ready).toBe(0);
    source.sink.begin(true, '1');
    await source.sink.commit();
    await new Promise(setImmediate);
    expect(ready).toBe(1);
    source.sink.state('lost');
    source.sink.state('live');
    await new Promise(setImmediate);
    expect(ready).toBe(1);
  });

  it('tell of states and problems of sources', async () => {
    const source = new Manual();
    const server = make([source]);
    const told: string[] = [];
    server.on('source', ({ name, state, reason }) => told.push(`${name} ${state} ${reason}`));
    server.on('problem', (name, { reason }) => told.push(`${name}: ${reason}`));
    await server.start();
    source.sink.state('lost', 'no route');
    source.sink.problems('line', [{ severity: 'error', reason: 'not JSON' }]);
    await new Promise(setImmediate);
    expect(told).toEqual(['manual lost no route', 'manual: not JSON']);
    expect(server.status().problems.map(({ reason }) => reason)).toEqual(['not JSON']);
  });

  it('come after the change: a listener that throws does not harm it', async () => {
    const server = make();
    const thrown: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    try {
      server.once('change', () => {
        throw new Error('from a listener');
      });
      await server.apply({ put: [VPC, CLIENT, pod('db', 'fd00::2')] });
      await new Promise(setImmediate);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(thrown.map(String)).toEqual(['Error: from a listener']);
    expect(await ask(server, 'db')).toBe('NOERROR fd00::2');
  });
});
