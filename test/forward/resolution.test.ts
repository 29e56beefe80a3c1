/** Upstreams in resolution: who is asked, when, how long, and what their answers lead to. */
import { describe, expect, it } from 'vitest';
import { a, answerTo, makeWorld, soa } from './world.ts';

const ONE = '192.0.2.1:53';
const TWO = '192.0.2.2:53';

describe('what goes to an upstream', () => {
  it('is our own query: RD, AD, our OPT with a mark, nothing of the client', () => {
    const { ask, sockets } = makeWorld();
    const options = [
      { code: 8, data: Uint8Array.of(0, 1, 24, 0, 10, 0, 0) },
      { code: 10, data: new Uint8Array(8) },
    ];
    ask({ name: 'WWW.Example.COM', edns: { size: 4096, options }, id: 7 });
    const { message } = sockets.last;
    expect(message).toMatchObject({ rd: true, ad: true, cd: false, qr: false, rcode: 0 });
    expect(message.question).toEqual({ name: 'www.example.com.', type: 1, class: 1 });
    expect(message.edns).toMatchObject({ size: 1232, do: false, version: 0 });
    expect(message.edns!.options.map(({ code, data }) => [code, data.length])).toEqual([[65001, 8]]);
  });

  it("carries the client's CD and DO, and OPT even where the client has none", () => {
    const { ask, sockets } = makeWorld();
    ask({ cd: true, edns: { do: true } });
    expect(sockets.last.message).toMatchObject({ cd: true, edns: { do: true } });
    ask({ name: 'plain.example', edns: undefined });
    expect(sockets.last.message.edns).toBeDefined();
  });

  it('has an id of its own each time', () => {
    let id = 100;
    const { ask, sockets } = makeWorld({ random16: () => id++ });
    ask();
    ask({ type: 28 });
    expect(sockets.asked.map(({ message }) => message.id)).toEqual([100, 101]);
  });
});

describe('the resolution', () => {
  it('ends with the first answer', () => {
    const { ask, sockets, clock } = makeWorld();
    const got = ask();
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    expect(got[0]).toMatchObject({ rcode: 0, aa: false, ra: true, rd: true, ad: false, tc: false });
    expect(got[0]!.answer[0]).toMatchObject({ ttl: 300, data: '192.0.2.1' });
    clock.advance(5000);
    expect(got).toHaveLength(1);
    expect(sockets.order).toEqual([ONE]);
    expect(sockets.openSockets).toBe(0);
  });

  it.each([
    ['SERVFAIL', 2],
    ['REFUSED', 5],
  ])('goes on after %s', (_word, rcode) => {
    const { ask, sockets } = makeWorld();
    const got = ask();
    sockets.last.reply(answerTo(sockets.last.query, { rcode }));
    expect(sockets.order).toEqual([ONE, TWO]);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    expect(got[0]!.rcode).toBe(0);
  });

  it('makes SERVFAIL of REFUSED by all, and says who', () => {
    const { ask, sockets } = makeWorld();
    const got = ask();
    for (let i = 0; i < 2; i++) sockets.last.reply(answerTo(sockets.last.query, { rcode: 5 }));
    expect(got[0]!.rcode).toBe(2);
    expect(got[0]!.edns!.errors).toEqual([
      { code: 22, text: `upstreams ${ONE} and ${TWO} answered REFUSED` },
    ]);
    expect(sockets.order).toEqual([ONE, TWO]);
  });

  it("passes on an upstream's extended error when it answers SERVFAIL", () => {
    const { ask, sockets } = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = ask();
    const data = Buffer.concat([Buffer.from([0, 6]), Buffer.from('signature\u0007 expired')]);
    sockets.last.reply(answerTo(sockets.last.query, { rcode: 2, edns: { options: [{ code: 15, data }] } }));
    expect(got[0]!.edns!.errors).toEqual([{ code: 6, text: `${ONE}: signature expired` }]);
  });

  it('relays every other rcode', () => {
    const { ask, sockets } = makeWorld();
    const got = ask();
    sockets.last.reply(answerTo(sockets.last.query, { rcode: 3, authority: [soa(60, 60)] }));
    expect(got[0]!.rcode).toBe(3);
    expect(got[0]!.authority[0]!.type).toBe(6);
    const other = ask({ type: 2 });
    sockets.last.reply(answerTo(sockets.last.query, { rcode: 6 }));
    expect(other[0]!.rcode).toBe(6);
  });

  it('gives each upstream 1.3 s and ends before 4 s', () => {
    const { ask, sockets, clock, forwarder } = makeWorld();
    const got = ask();
    clock.advance(1299);
    expect(sockets.order).toEqual([ONE]);
    clock.advance(1);
    expect(sockets.order).toEqual([ONE, TWO]);
    clock.advance(1300);
    // Both were silent and time is left: the first once more, with an id and a port of its own.
    expect(sockets.order).toEqual([ONE, TWO, ONE]);
    clock.advance(1299);
    expect(got).toHaveLength(0);
    clock.advance(1);
    expect(got[0]!.rcode).toBe(2);
    expect(got[0]!.edns!.errors).toEqual([{ code: 23, text: `upstreams ${ONE} and ${TWO} timed out` }]);
    expect(clock.now()).toBeLessThan(1000 + 4000);
    expect(forwarder.counters.failures).toBe(1);
  });

  it('asks a single silent upstream three times, so one lost packet costs 1.3 s', () => {
    const { ask, sockets, clock } = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = ask();
    clock.advance(1300);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(1)] }));
    expect(got[0]!.rcode).toBe(0);
    expect(sockets.order).toEqual([ONE, ONE]);
  });

  it('goes on at once when an upstream is unreachable, and says so', () => {
    const { ask, sockets } = makeWorld();
    const got = ask();
    sockets.last.error('ECONNREFUSED');
    sockets.last.error('EHOSTUNREACH');
    expect(got[0]!.edns!.errors).toEqual([
      {
        code: 22,
        text: `upstream ${ONE} cannot be reached (ECONNREFUSED); upstream ${TWO} cannot be reached (EHOSTUNREACH)`,
      },
    ]);
  });

  it('goes on at once after a malformed answer', () => {
    const { ask, sockets, forwarder } = makeWorld();
    ask();
    const broken = answerTo(sockets.last.query, { answer: [a(300)] });
    sockets.last.reply(broken.subarray(0, broken.length - 2));
    expect(sockets.order).toEqual([ONE, TWO]);
    expect(forwarder.counters.malformed).toBe(1);
  });

  it('takes an answer that comes after its 1.3 s while the question is still open', () => {
    const { ask, sockets, clock } = makeWorld();
    const got = ask();
    const slow = sockets.last;
    clock.advance(1500);
    slow.reply(answerTo(slow.query, { answer: [a(300, 9)] }));
    expect(got[0]!.answer[0]!.data).toBe('192.0.2.9');
    expect(sockets.order).toEqual([ONE, TWO]);
  });

  it('ignores and counts what comes once the question is settled, and closes its sockets', () => {
    const { ask, sockets, clock, forwarder } = makeWorld();
    const got = ask();
    const slow = sockets.last;
    clock.advance(1300);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300, 2)] }));
    expect(sockets.openSockets).toBe(1);
    slow.reply(answerTo(slow.query, { answer: [a(300, 1)] }));
    expect(got.map(({ answer }) => answer[0]!.data)).toEqual(['192.0.2.2']);
    expect(forwarder.counters.late).toBe(1);
    expect(sockets.openSockets).toBe(0);
    ask({ name: 'other.example' });
    clock.advance(10_000);
    expect(sockets.openSockets).toBe(0);
  });

  it('ignores and counts what is not a reply to our query', () => {
    const { ask, sockets, forwarder } = makeWorld();
    const got = ask();
    const { query, reply } = sockets.last;
    const good = answerTo(query, { answer: [a(300)] });
    const wrongId = good.slice();
    wrongId[1]! ^= 1;
    const wrongName = good.slice();
    wrongName[13]! ^= 1;
    const wrongCase = good.slice();
    wrongCase[13]! ^= 0x20;
    const wrongType = good.slice();
    wrongType[questionTypeAt(query)] = 28;
    const noResponse = good.slice();
    noResponse[2]! &= 0x7f;
    const notify = good.slice();
    notify[2]! |= 0x20;
    for (const forged of [wrongId, wrongName, wrongCase, wrongType, noResponse, notify, new Uint8Array(11)]) {
      reply(forged);
      expect(got).toHaveLength(0);
    }
    expect(forwarder.counters.spoofed).toBe(7);
    reply(good);
    expect(got).toHaveLength(1);
  });

  it('asks again without EDNS where an upstream does not know it', () => {
    const { ask, sockets } = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = ask();
    const header = sockets.last.query.slice(0, 12);
    header.set([0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0], 2);
    sockets.last.reply(header);
    expect(sockets.last.message.edns).toBeUndefined();
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    expect(got[0]).toMatchObject({ rcode: 0, edns: { size: 1232 } });
    ask({ name: 'next.example' });
    expect(sockets.last.message.edns).toBeUndefined();
  });

  it.each([1, 4])(
    'tries the next after rcode %i that does not come from EDNS, and asks it with EDNS again',
    (rcode) => {
      const { ask, sockets } = makeWorld();
      const got = ask();
      for (let i = 0; i < 4; i++) sockets.last.reply(answerTo(sockets.last.query, { rcode }));
      expect(sockets.order).toEqual([ONE, ONE, TWO, TWO]);
      expect(sockets.asked.map(({ message }) => message.edns !== undefined)).toEqual([
        true,
        false,
        true,
        false,
      ]);
      expect(got[0]!.rcode).toBe(2);
      const word = rcode === 1 ? 'FORMERR' : 'NOTIMP';
      expect(got[0]!.edns!.errors).toEqual([
        { code: 22, text: `upstreams ${ONE} and ${TWO} answered ${word}` },
      ]);
      ask({ name: 'next.example' });
      expect(sockets.last.message.edns).toBeDefined();
    },
  );
});

describe('a failing upstream', () => {
  it('is tried last until a probe or an answer shows that it is back', () => {
    const { ask, sockets, clock, forwarder } = makeWorld();
    ask();
    clock.advance(1300);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    const states = () => forwarder.status().upstreams.map(({ state, reason }) => [state, reason]);
    // Its names may be to blame, so only who has missed something takes it for failing.
    expect(states()).toEqual([
      ['untried', ''],
      ['answering', ''],
    ]);
    ask({ name: 'second.example' });
    expect(sockets.last.upstream).toBe(TWO);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    ask({ name: 'second.example', vpc: 'other' });
    expect(sockets.last.upstream).toBe(ONE);
    clock.advance(500);
    expect(sockets.last).toMatchObject({ upstream: ONE, message: { question: { name: '.', type: 2 } } });
    expect(forwarder.counters.probes).toBe(1);
    clock.advance(1300);
    expect(states()).toEqual([
      ['failing', 'timed out'],
      ['answering', ''],
    ]);
    ask({ name: 'second.example', vpc: 'third' });
    expect(sockets.last.upstream).toBe(TWO);
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    clock.advance(1000);
    expect(forwarder.counters.probes).toBe(2);
    const probe = sockets.asked.findLast(({ message }) => message.question!.name === '.')!;
    probe.reply(answerTo(probe.query, { rcode: 5 }));
    expect(states()[0]).toEqual(['answering', '']);
    ask({ name: 'third.example' });
    expect(sockets.last.upstream).toBe(ONE);
  });

  it('is probed ever more rarely, and no longer once nobody uses it', () => {
    const { ask, sockets, clock, forwarder } = makeWorld({ upstreams: ['192.0.2.1'] });
    ask();
    clock.advance(60_000);
    const probes = forwarder.counters.probes;
    expect(probes).toBeGreaterThan(4);
    expect(probes).toBeLessThan(12);
    clock.advance(600_000);
    expect(forwarder.counters.probes).toBeLessThan(probes + 3);
    expect(forwarder.status().upstreams[0]!.state).toBe('untried');
    expect(sockets.openSockets).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('is none for one slow name while it answers others', () => {
    const { ask, sockets, clock, forwarder } = makeWorld();
    ask({ name: 'slow.example' });
    clock.advance(700);
    ask({ name: 'quick.example' });
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    clock.advance(600);
    expect(forwarder.status().upstreams[0]!.state).toBe('answering');
  });

  it('is none because this host has no socket left', () => {
    const { ask, sockets, forwarder } = makeWorld();
    ask();
    sockets.last.error('EMFILE');
    expect(forwarder.status().upstreams[0]!.state).toBe('untried');
  });
});

describe('TC', () => {
  it('leads to TCP, on a connection that is kept and pipelined', () => {
    const { ask, sockets, clock } = makeWorld();
    const names = ['a.example', 'b.example', 'c.example'];
    const got = names.map((name) => ask({ name }));
    const udp = sockets.asked.slice();
    for (const { query, reply } of udp) reply(answerTo(query, { flags: 0x200 }));
    expect(sockets.order.slice(3)).toEqual([`${ONE}/tcp`, `${ONE}/tcp`, `${ONE}/tcp`]);
    expect(sockets.streams).toBe(1);
    const tcp = sockets.asked.slice(3).reverse();
    for (const { query, reply } of tcp) reply(answerTo(query, { answer: [a(300)] }));
    expect(got.map(([message]) => message!.question!.name)).toEqual(names.map((name) => `${name}.`));
    expect(got.every(([message]) => message!.answer.length === 1 && !message!.tc)).toBe(true);
    expect(sockets.streams).toBe(1);
    clock.advance(8000);
    expect(sockets.streams).toBe(0);
  });

  it('tries a new connection when a kept one turns out to be closed', () => {
    const { ask, sockets } = makeWorld();
    ask();
    sockets.last.reply(answerTo(sockets.last.query, { flags: 0x200 }));
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    const got = ask({ name: 'next.example' });
    sockets.last.reply(answerTo(sockets.last.query, { flags: 0x200 }));
    sockets.last.error('ECONNRESET');
    expect(sockets.last).toMatchObject({ tcp: true, upstream: ONE, open: true });
    sockets.last.reply(answerTo(sockets.last.query, { answer: [a(300)] }));
    expect(got[0]!.answer).toHaveLength(1);
  });

  it('asks the next upstream when TCP fails, and gives the cut answer when none does better', () => {
    const { ask, sockets } = makeWorld();
    const got = ask();
    sockets.last.reply(answerTo(sockets.last.query, { flags: 0x200, answer: [a(300, 1), a(300, 2)] }));
    sockets.last.error('ECONNREFUSED');
    expect(sockets.last).toMatchObject({ tcp: false, upstream: TWO });
    sockets.last.error('ECONNREFUSED');
    expect(got[0]).toMatchObject({ rcode: 0, tc: true });
    expect(got[0]!.answer).toHaveLength(2);
    // Over TCP a cut answer is of no use.
    const again = ask({ tcp: true });
    expect(again[0]).toMatchObject({ rcode: 2, tc: false });
    expect(again[0]!.edns!.errors[0]!.text).toContain(
      `upstream ${ONE} cut the answer short over UDP, and cannot be reached over TCP (ECONNREFUSED)`,
    );
  });

  it('is taken with whole records from a message cut in the midst of one', () => {
    const { ask, sockets } = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = ask();
    const cut = answerTo(sockets.last.query, { flags: 0x200, answer: [a(300, 1), a(300, 2)] });
    sockets.last.reply(cut.subarray(0, cut.length - 3));
    sockets.last.error('ECONNREFUSED');
    expect(got[0]!.answer.map(({ data }) => data)).toEqual(['192.0.2.1']);
  });

  it('gives up a connection that stays silent', () => {
    const { ask, sockets, clock } = makeWorld({ upstreams: ['192.0.2.1'] });
    const got = ask();
    sockets.last.reply(answerTo(sockets.last.query, { flags: 0x200 }));
    clock.advance(1300);
    expect(got[0]).toMatchObject({ tc: true });
    expect(sockets.streams).toBe(0);
  });
});

function questionTypeAt(query: Uint8Array): number {
  let at = 12;
  while (query[at] !== 0) at += query[at]! + 1;
  return at + 2;
}
