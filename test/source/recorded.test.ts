/**
 * One recorded session of a watch stream, and all that a connection can do to it: it ends after each of its octets, says
 * revisions twice, or in another order. What is seen is always a state that the source really had, whole, and in the
 * end the one that it has.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { StreamError, type Dialect, type StreamEvent } from '../../src/source/reflector/dialect.ts';
import { reflectorSource } from '../../src/source/reflector/run.ts';
import { LINE_OCTETS_MAX } from '../../src/source/validate/bounds.ts';
import { LineSplitter } from '../../src/source/watch/line-splitter.ts';
import { eventOfLine, OUTLINE_AT } from '../../src/source/watch/protocol.ts';
import type { Source } from '../../src/model.ts';
import { MapSink } from './map-sink.ts';
import { pod, snapshot } from './watch-server.ts';

/** Back-off is over at once; time-outs never are. */
const CLOCK: Clock = {
  now: () => 0,
  setTimeout: (run, ms) => (ms > 1000 ? undefined : setImmediate(run)),
  clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate | undefined),
};

const put = (revision: string, name: string, more: boolean, facts: object = {}): object => ({
  ...{ type: 'put', revision, more, object: pod(name, facts) },
});
const gone = (revision: string, name: string, more: boolean): object => ({
  ...{ type: 'delete', revision, more, object: pod(name) },
});

/** A list, changes of one line and of several, a bookmark, and another list in the middle; letters of several octets. */
const SESSION: object[][] = [
  snapshot('5', pod('a', { ip6: 'fd00::1' }), pod('b'), pod('ç€𝄞', { names: ['bräu'] })),
  [put('6', 'd', false)],
  [gone('7', 'a', true), put('7', 'e', true, { ip6: 'fd00::1' }), put('7', 'b', false, { ready: false })],
  [{ type: 'bookmark', revision: '9' }],
  [gone('10', 'd', false)],
  snapshot('12', pod('a'), pod('b'), pod('f')),
  [put('13', 'a', true, { ip6: 'fd00::1' }), gone('13', 'f', false)],
  [put('14', 'g', false)],
];
/** Too old to be gone on from. */
const OLDEST = 6;

const isList = (lines: object[]): boolean => (lines[0] as { type: string }).type === 'snapshot';
const textOf = (lines: readonly object[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const OCTETS = Buffer.from(textOf(SESSION.flat()));

/** What is visible, as text. */
function textOfView(sink: MapSink): string {
  return JSON.stringify([...sink.visible].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Keeps every state that was ever visible. */
class Watcher extends MapSink {
  readonly seen: string[] = [];

  override async commit(): Promise<void> {
    await super.commit();
    this.seen.push(`${this.revision} ${textOfView(this)}`);
  }
}

const open: Source[] = [];
afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
});

/** Follows a source whose first connection says these chunks and ends; all later ones do what they should. */
function follow(first: readonly Uint8Array[]): Watcher {
  let connections = 0;
  async function* connect(from: string | undefined, signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    const isFirst = connections++ === 0;
    yield [{ type: 'connected', resumed: from !== undefined }];
    const splitter = new LineSplitter(LINE_OCTETS_MAX, OUTLINE_AT);
    for (const chunk of isFirst ? first : [answerTo(from)]) {
      const events = [...splitter.push(chunk)].map((line) => eventOfLine(line, undefined));
      if (events.length > 0) yield events;
    }
    if (isFirst) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
  const dialect: Dialect = { stallAfter: 0, connect };
  const source = reflectorSource('recorded', dialect, { clock: CLOCK, random: () => 0 });
  const sink = new Watcher();
  source.start(sink);
  open.push(source);
  return sink;
}

/** What follows a revision, or all there is. */
function answerTo(from: string | undefined): Buffer {
  if (from === undefined) {
    const last = SESSION.flat().at(-1) as { revision: string };
    const pods = [...whole.visible.values()].map((resource) => ({ ...resource }));
    return Buffer.from(textOf(snapshot(last.revision, ...pods)));
  }
  if (Number(from) < OLDEST) throw new StreamError('gone', 'too old');
  // A list in the middle counts as a change like any other.
  const missed = SESSION.filter(
    (lines) => Number((lines[0] as { revision: string }).revision) > Number(from),
  );
  return Buffer.from(textOf(missed.flat()));
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

let whole: Watcher;
const states = new Set<string>();

/** What the whole session shows, at each revision. */
async function record(): Promise<void> {
  if (states.size > 0) return;
  whole = follow([OCTETS]);
  await whole.until(() => whole.revision === '14');
  await turns();
  for (const state of whole.seen) states.add(state);
  // A list that is given to one who asks for everything is the last state too.
  expect(whole.violations).toEqual([]);
  expect(whole.seen).toHaveLength(SESSION.length - 1);
}

async function expectTruth(first: readonly Uint8Array[], what: string, always = true): Promise<void> {
  await record();
  const sink = follow(first);
  await sink.until(() => sink.revision === '14' && sink.lastState === 'live');
  // Whatever the first connection still had to say has been said, and made good.
  await turns();
  await sink.until(() => sink.revision === '14' && sink.lastState === 'live');
  if (always) for (const state of sink.seen) expect(states, `${what}: ${state}`).toContain(state);
  expect(textOfView(sink), what).toBe(textOfView(whole));
  expect(sink.violations, what).toEqual([]);
  for (const source of open.splice(0)) await source.close();
}

describe('a recorded session', () => {
  test('that ends after any of its octets', async () => {
    expect(OCTETS.length).toBeGreaterThan(1200);
    for (let at = 0; at <= OCTETS.length; at++)
      await expectTruth([OCTETS.subarray(0, at)], `cut after octet ${at}`);
  });

  test('that comes in two parts, wherever it is parted', async () => {
    for (let at = 1; at < OCTETS.length; at += 3)
      await expectTruth([OCTETS.subarray(0, at), OCTETS.subarray(at)], `parted after octet ${at}`);
  });

  test('one octet at a time', async () => {
    await expectTruth(
      Array.from(OCTETS, (octet) => Uint8Array.of(octet)),
      'octet by octet',
    );
  });

  test('in which changes are said twice', async () => {
    for (let from = 1; from < SESSION.length; from++)
      for (let to = from + 1; to <= SESSION.length; to++) {
        // An older list is no repetition but a source that was restored.
        if (SESSION.slice(from, to).some(isList)) continue;
        for (let at = to; at <= SESSION.length; at++) {
          const said = [...SESSION.slice(0, at), ...SESSION.slice(from, to), ...SESSION.slice(at)];
          await expectTruth([Buffer.from(textOf(said.flat()))], `${from} to ${to} again at ${at}`);
        }
      }
  });

  test('in which one revision comes at another place: the end is right', async () => {
    for (let from = 0; from < SESSION.length; from++)
      for (let to = 0; to < SESSION.length; to++) {
        if (SESSION.slice(Math.min(from, to), Math.max(from, to) + 1).some(isList)) continue;
        const said = SESSION.filter((_, i) => i !== from);
        said.splice(to, 0, SESSION[from]!);
        // Revisions have gaps, so that one is missing shows only when it comes: what is there until then is not judged.
        await expectTruth([Buffer.from(textOf(said.flat()))], `${from} moved to ${to}`, false);
      }
  });

  test('that lacks one octet of its form after the first list', async () => {
    const after = Buffer.byteLength(textOf(SESSION[0]!));
    let tried = 0;
    for (let at = after; at < OCTETS.length - 1; at++) {
      if (!'\n{}"'.includes(String.fromCharCode(OCTETS[at]!))) continue;
      const lacking = Buffer.concat([OCTETS.subarray(0, at), OCTETS.subarray(at + 1)]);
      await expectTruth([lacking], `without octet ${at}`);
      tried++;
    }
    expect(tried).toBeGreaterThan(200);
  });
});
