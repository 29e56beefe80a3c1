/** The driver: connections that the test opens, feeds and breaks by hand, and a clock that it moves. */

import { expect, test } from 'vitest';
import { StreamError, type Dialect, type StreamEvent } from '../../src/source/reflector/dialect.ts';
import { reflectorSource, runReflector, STALL_AFTER } from '../../src/source/reflector/run.ts';
import { ManualClock } from './manual-clock.ts';
import { MapSink } from './map-sink.ts';
import type { Pod } from '../../src/model.ts';

/** One connection: `say` hands a batch over, `fail` and `end` break it. */
class Connection {
  readonly resume: string | undefined;
  readonly signal: AbortSignal;
  taken = 0;
  private queue: (StreamEvent[] | Error | 'end')[] = [];
  private wake: (() => void) | undefined;

  constructor(resume: string | undefined, signal: AbortSignal) {
    this.resume = resume;
    this.signal = signal;
    signal.addEventListener('abort', () => this.wake?.());
  }

  say = (...events: StreamEvent[]): void => this.push(events);
  fail = (error: Error): void => this.push(error);
  end = (): void => this.push('end');

  async *read(): AsyncGenerator<StreamEvent[]> {
    for (;;) {
      while (this.queue.length === 0) {
        if (this.signal.aborted) return;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
      const next = this.queue.shift()!;
      if (next === 'end') return;
      if (next instanceof Error) throw next;
      this.taken++;
      yield next;
    }
  }

  private push(what: StreamEvent[] | Error | 'end'): void {
    this.queue.push(what);
    this.wake?.();
  }
}

class ScriptedDialect implements Dialect {
  readonly connections: Connection[] = [];
  stallAfter: number | undefined;
  private readonly waiting: ((connection: Connection) => void)[] = [];

  connect(resume: string | undefined, signal: AbortSignal): AsyncIterable<StreamEvent[]> {
    const connection = new Connection(resume, signal);
    this.connections.push(connection);
    this.waiting.shift()?.(connection);
    return connection.read();
  }

  /** The connection that is made next. */
  next(): Promise<Connection> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

function pod(name: string): Pod {
  return {
    kind: 'pod',
    vpc: 'v',
    namespace: 'n',
    name,
    aid: name,
    names: [],
    overlays: [],
    ports: [],
    ready: true,
  };
}

function put(revision: string, name: string, more = false): StreamEvent {
  return { type: 'put', revision, resource: pod(name), more };
}

async function start(sink = new MapSink(), clock = new ManualClock()) {
  const dialect = new ScriptedDialect();
  const first = dialect.next();
  const reflector = runReflector({ dialect, sink, clock, random: () => 1 });
  return { sink, clock, dialect, reflector, connection: await first };
}

const list: StreamEvent[] = [
  { type: 'snapshot', revision: '5' },
  put('5', 'a'),
  { type: 'synced', revision: '5' },
];

test('a list and a change arrive in the sink, in order', async () => {
  const { sink, connection, reflector } = await start();
  connection.say(...list, put('6', 'b'));
  await sink.until(() => sink.commits === 2);
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a', 'pod v/n/b']);
  expect(sink.revision).toBe('6');
  await reflector.close();
  expect(connection.signal.aborted).toBe(true);
  expect(sink.violations).toEqual([]);
});

test('nothing is read from the stream while a commit is under way', async () => {
  const { sink, connection, reflector } = await start();
  let release = (): void => undefined;
  const entered = new Promise<void>((resolve) => {
    sink.beforeCommit = () => {
      resolve();
      return new Promise((done) => (release = done));
    };
  });
  connection.say(...list, put('6', 'b'));
  connection.say(put('7', 'c'));
  await entered;
  await new Promise(setImmediate);
  expect(connection.taken).toBe(1);
  expect(sink.log.at(-1)).toBe('put pod v/n/a');
  sink.beforeCommit = undefined;
  release();
  await sink.until(() => sink.revision === '7');
  expect(sink.violations).toEqual([]);
  await reflector.close();
});

test('a stream that ends is resumed after the last applied revision, after the back-off', async () => {
  const { sink, clock, dialect, connection, reflector } = await start();
  connection.say(...list);
  await sink.until(() => sink.commits === 1);
  const second = dialect.next();
  connection.end();
  await sink.until(() => sink.lastState === 'lost');
  await new Promise(setImmediate);
  expect(clock.asked.at(-1)).toBe(100);
  expect(dialect.connections.length).toBe(1);
  clock.advance(100);
  expect((await second).resume).toBe('5');
  await reflector.close();
});

test('back-off doubles while connections fail, and honours what the server asked for', async () => {
  const { sink, clock, dialect, reflector } = await start();
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const connection = dialect.connections.at(-1)!;
    const next = dialect.next();
    connection.fail(i === 7 ? new StreamError('retry', '503', 9000) : new Error('refused'));
    await sink.until(() => sink.states.length === i + 2);
    await new Promise(setImmediate);
    waits.push(clock.asked.at(-1)!);
    clock.advance(waits.at(-1)!);
    await next;
  }
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 14000]);
  await reflector.close();
});

test('a silent connection is given up after two and a half bookmark intervals', async () => {
  const { sink, clock, dialect, connection, reflector } = await start();
  connection.say(...list);
  await sink.until(() => sink.lastState === 'live');
  await new Promise(setImmediate);
  clock.advance(STALL_AFTER - 1);
  connection.say({ type: 'bookmark', revision: '5' });
  await sink.until(() => sink.log.at(-1) === 'bookmark 5');
  await new Promise(setImmediate);
  clock.advance(STALL_AFTER - 1);
  expect(connection.signal.aborted).toBe(false);
  const second = dialect.next();
  clock.advance(1);
  await sink.until(() => sink.lastState === 'lost');
  expect(sink.states.at(-1)!.reason).toBe('nothing was heard for 37.5 s');
  await new Promise(setImmediate);
  expect(connection.signal.aborted).toBe(true);
  clock.advance(100);
  expect((await second).resume).toBe('5');
  await reflector.close();
});

test('what follows a fault in the same batch is not applied', async () => {
  const { sink, connection, reflector } = await start();
  connection.say(...list, { type: 'malformed', reason: 'garbled' }, put('6', 'b'));
  await sink.until(() => sink.lastState === 'lost');
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a']);
  await reflector.close();
});

test('a half list is rolled back at close, and the sink is not called afterwards', async () => {
  const { sink, connection, reflector } = await start();
  connection.say({ type: 'snapshot', revision: '5' }, put('5', 'a'));
  await sink.until(() => sink.log.at(-1) === 'put pod v/n/a');
  await reflector.close();
  expect(sink.log.at(-1)).toBe('rollback');
  const calls = sink.log.length;
  connection.say({ type: 'synced', revision: '5' });
  await new Promise(setImmediate);
  expect(sink.log.length).toBe(calls);
});

test('close ends a back-off; retryNow cuts it short', async () => {
  const { sink, clock, dialect, connection, reflector } = await start();
  const second = dialect.next();
  connection.fail(new Error('refused'));
  await sink.until(() => sink.states.length === 2);
  await new Promise(setImmediate);
  reflector.retryNow();
  (await second).fail(new Error('refused'));
  await sink.until(() => sink.states.length === 3);
  await reflector.close();
  expect(clock.pending).toBe(0);
});

test('problems stand until their resource is well, and a whole list clears what it did not find again', async () => {
  const { sink, connection, reflector } = await start();
  const bad = (revision: string, name: string): StreamEvent => ({
    type: 'refused',
    revision,
    key: { kind: 'pod', vpc: 'v', namespace: 'n', name },
    scope: `pod v/n/${name}`,
    problems: [{ severity: 'error', reason: `${name} is bad` }],
    more: false,
  });
  connection.say(...list, bad('6', 'a'), bad('7', 'b'));
  await sink.until(() => sink.revision === '7');
  expect(sink.reasons).toEqual(['a is bad', 'b is bad']);
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a']);
  connection.say(put('8', 'a'));
  await sink.until(() => sink.revision === '8');
  expect(sink.reasons).toEqual(['b is bad']);
  connection.say({ type: 'snapshot', revision: '9' }, bad('9', 'a'), { type: 'synced', revision: '9' });
  await sink.until(() => sink.revision === '9' && sink.standing.size === 1);
  expect(sink.reasons).toEqual(['a is bad']);
  expect([...sink.visible.keys()]).toEqual(['pod v/n/a']);
  await reflector.close();
});

test('thousands of bad resources do not fill the memory: some are listed, the rest is counted', async () => {
  const { sink, connection, reflector } = await start();
  const many = Array.from({ length: 3000 }, (_, i): StreamEvent => ({
    type: 'refused',
    revision: '5',
    scope: `line ${i}`,
    problems: [{ severity: 'error', reason: 'bad' }],
    more: false,
  }));
  connection.say(list[0]!, ...many, list[2]!);
  await sink.until(() => sink.commits === 1);
  expect(sink.standing.size).toBe(1001);
  expect(sink.reasons.at(-1)).toBe('2000 further problems are not listed');
  connection.say({ type: 'snapshot', revision: '6' }, { type: 'synced', revision: '6' });
  await sink.until(() => sink.commits === 2 && sink.standing.size === 0);
  await reflector.close();
});

test('a sink that throws costs a new list, not the process', async () => {
  const { sink, clock, dialect, connection, reflector } = await start();
  connection.say(...list);
  await sink.until(() => sink.commits === 1);
  sink.beforeCommit = () => Promise.reject(new Error('no memory'));
  const second = dialect.next();
  connection.say(put('6', 'b'));
  await sink.until(() => sink.lastState === 'lost');
  expect(sink.reasons).toEqual(['a change could not be applied: no memory']);
  await new Promise(setImmediate);
  clock.advance(100);
  expect((await second).resume).toBeUndefined();
  await reflector.close();
});

test('a source starts once, retries on reload, and closes what its dialect holds', async () => {
  const dialect = new ScriptedDialect();
  let closed = false;
  const source = reflectorSource(
    'test:x',
    Object.assign(dialect, { close: async () => void (closed = true) }),
    {
      clock: new ManualClock(),
    },
  );
  const sink = new MapSink();
  const first = dialect.next();
  source.start(sink);
  source.start(sink);
  await first;
  expect(dialect.connections.length).toBe(1);
  void source.reload?.();
  await source.close();
  expect(closed).toBe(true);
  expect(source.name).toBe('test:x');
});
