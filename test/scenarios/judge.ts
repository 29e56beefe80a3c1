/** Holds an answer against what a scenario expects of it, and says every difference. */
import { flagsText, parseWire, recordText, type WireMessage } from '../harness/wire.ts';
import { nameText, typeNumber, typeText } from '../harness/wire-text.ts';
import { judgeByDns2 } from './judge-dns2.ts';
import { questionOf, type Case, type Expect, type Over, type Scenario } from './format.ts';

const RCODES: Record<number, string> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
};

export function rcodeText(rcode: number): string {
  return RCODES[rcode] ?? `RCODE${rcode}`;
}

export interface Asked {
  query: Buffer;
  over: Over;
  /** The address that was asked. */
  local: string;
}

class Judge {
  readonly faults: string[] = [];
  readonly scenario: Scenario;
  readonly one: Case;
  readonly asked: Asked;
  readonly message: WireMessage;

  constructor(scenario: Scenario, one: Case, asked: Asked, message: WireMessage) {
    this.scenario = scenario;
    this.one = one;
    this.asked = asked;
    this.message = message;
  }

  same(what: string, got: unknown, wanted: unknown): void {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) this.faults.push(`${what}: got ${a}, expected ${b}`);
  }

  must(condition: boolean, fault: string): void {
    if (!condition) this.faults.push(fault);
  }

  run(): string[] {
    this.header();
    this.question();
    if (this.one.expect.relayed !== true) {
      this.answer();
      this.authority();
      this.additional();
    }
    this.edns();
    return this.faults;
  }

  private header(): void {
    const { query } = this.asked;
    const { expect } = this.one;
    const { flags } = this.message;
    this.same('id', this.message.id, query.readUInt16BE(0));
    this.must(flags.qr, 'QR is clear');
    this.same('opcode', flags.opcode, (query[2]! >> 3) & 15);
    const wanted = expect.rcode ?? 'NOERROR';
    const rcode = rcodeText(this.message.rcode);
    if (Array.isArray(wanted))
      this.must(wanted.includes(rcode), `rcode: got ${rcode}, expected ${wanted.join(' or ')}`);
    else this.same('rcode', rcode, wanted);
    const got = { ...flags };
    if (expect.aa === 'any') got.aa = false;
    if (expect.ra === 'any') got.ra = false;
    this.same('flags', flagsText(got), expect.flags ?? this.defaultFlags(expect));
  }

  private defaultFlags(expect: Expect): string {
    const { query } = this.asked;
    const rcode = expect.rcode ?? 'NOERROR';
    const positive = rcode === 'NOERROR' || rcode === 'NXDOMAIN';
    const words: string[] = [];
    if (expect.aa === true || (expect.aa === undefined && positive)) words.push('aa');
    if (expect.tc === true) words.push('tc');
    if ((query[2]! & 1) !== 0) words.push('rd');
    if (expect.ra === true || (expect.ra === undefined && this.scenario.ra)) words.push('ra');
    if ((query[3]! & 0x10) !== 0) words.push('cd');
    return words.join(' ');
  }

  private question(): void {
    const { expect } = this.one;
    const { question } = this.message;
    if (expect.question === 'none') this.same('question count', question.length, 0);
    if (question.length === 0) {
      this.must(expect.question !== undefined, 'the question is missing');
      return;
    }
    if (expect.question === 'none') return;
    const asked = questionOf(this.one, this.asked.local);
    if (asked === undefined) return;
    this.same('question type', question[0]!.type, typeNumber(asked.type));
    // Octet for octet, letter case included: a pointer-free name begins both messages.
    const end = 12 + question[0]!.name.reduce((sum, label) => sum + label.length + 1, 1) + 4;
    const sent = this.asked.query.subarray(12, end).toString('hex');
    this.same('question octets', this.octets(12, end), sent);
  }

  private octets(from: number, to: number): string {
    return Buffer.from(this.bytes.subarray(from, to)).toString('hex');
  }

  bytes: Uint8Array = new Uint8Array(0);

  private answer(): void {
    const { expect } = this.one;
    const { answer, question } = this.message;
    const asked = question[0];
    for (const record of answer) {
      this.same('answer owner', nameText(record.name), asked === undefined ? '' : nameText(asked.name));
      this.must(
        asked!.name.length === 0 || (record.pointer && record.pointerTo === 12),
        'answer owner is not c00c',
      );
      if (expect.ttl !== 'any' && record.class === 1) this.same('answer TTL', record.ttl, this.scenario.ttl);
      this.same('answer class', record.class, asked?.class);
    }
    const texts = answer.map((record) => `${typeText(record.type)} ${record.text}`);
    if (expect.soaAnswer === true) {
      this.same(
        'answer types',
        answer.map((record) => typeText(record.type)),
        ['SOA'],
      );
      if (texts[0] !== undefined) this.soaText(texts[0].slice(4));
    } else if (expect.txt !== undefined) {
      this.must(
        texts.length > 0 && texts.every((text) => text.startsWith('TXT ')),
        `no TXT: ${texts.join('; ')}`,
      );
      const joined = texts.join(' ');
      for (const word of expect.txt.has ?? [])
        this.must(joined.includes(word), `TXT lacks ${word}: ${joined}`);
      for (const word of expect.txt.not ?? [])
        this.must(!joined.includes(word), `TXT tells ${word}: ${joined}`);
    } else if (expect.answerCount !== undefined) {
      this.same('answer count', texts.length, expect.answerCount);
    } else {
      const wanted = (expect.answer ?? []).map((text) => text.replace('$LOCAL', this.asked.local));
      this.same('answer', texts.toSorted(), wanted.toSorted());
    }
    const { answerFrom } = expect;
    if (answerFrom !== undefined) {
      const start = `${answerFrom.type} ${answerFrom.prefix}`;
      for (const text of texts) this.must(text.startsWith(start), `stranger in the answer: ${text}`);
    }
  }

  private soaText(text: string): void {
    const { zone, negativeTtl } = this.scenario;
    const [mname, rname, serial, , , , minimum] = text.split(' ');
    this.same('SOA names', [mname, rname], [`ns.${zone}.`, `hostmaster.${zone}.`]);
    this.must(Number(serial) > 0, `SOA serial ${serial}`);
    this.same('SOA minimum', Number(minimum), negativeTtl);
  }

  private authority(): void {
    const { expect } = this.one;
    const { authority } = this.message;
    if (expect.soa === undefined) {
      this.same('authority', authority.map(recordText), []);
      return;
    }
    this.same(
      'authority types',
      authority.map((record) => typeText(record.type)),
      ['SOA'],
    );
    const soa = authority[0];
    if (soa === undefined || soa.type !== 6) return;
    const owner = nameText(soa.name);
    const asked = nameText(this.message.question[0]?.name ?? []);
    if (expect.soa !== '*') this.same('SOA owner', owner.toLowerCase(), expect.soa.toLowerCase());
    const above = owner === '.' || asked === owner || asked.endsWith(`.${owner}`);
    this.must(above, `SOA owner ${owner} is no ancestor of ${asked}, letter for letter`);
    this.same('SOA TTL', soa.ttl, this.scenario.negativeTtl);
    this.soaText(soa.text);
  }

  private additional(): void {
    const { expect } = this.one;
    const texts = this.message.additional.map(recordText);
    for (const record of this.message.additional) this.same('additional TTL', record.ttl, this.scenario.ttl);
    if (expect.additionalWithin !== undefined) {
      for (const text of texts)
        this.must(expect.additionalWithin.includes(text), `stranger in additional: ${text}`);
    } else if (expect.additionalCount !== undefined) {
      this.same('additional count', texts.length, expect.additionalCount);
    } else if (expect.additionalAtMost !== undefined) {
      this.must(texts.length <= expect.additionalAtMost, `${texts.length} additional records`);
    } else {
      this.same('additional', texts.toSorted(), (expect.additional ?? []).toSorted());
    }
  }

  private edns(): void {
    const { expect, edns: sent } = this.one;
    const { edns } = this.message;
    const raw = this.one.raw !== undefined;
    if (edns === undefined) {
      const wanted = sent !== undefined && expect.edns === undefined;
      this.must(!wanted, 'OPT is missing');
      this.must(
        expect.ede === undefined || expect.ede === 'any' || expect.edns !== undefined,
        'no OPT for the EDE',
      );
      return;
    }
    this.must(raw || sent !== undefined, 'OPT came out although none came in');
    this.must(expect.edns !== 'none', 'OPT came out');
    this.same('OPT size', edns.size, 1232);
    this.same('OPT version', edns.version, 0);
    if (!raw) this.same('DO', edns.do, sent !== true && sent?.do === true);
    const seen = new Map(edns.options.map((option) => [option.code, option.data]));
    this.same('options said once', seen.size, edns.options.length);
    this.ede(seen.get(15));
    const nsid = seen.get(3);
    this.same('NSID', nsid === undefined ? undefined : Buffer.from(nsid).toString(), expect.nsid);
    const keepalive = seen.get(11);
    this.same('keepalive', keepalive?.length, expect.keepalive === true ? 2 : undefined);
    this.cookie(seen.get(10));
    const known = [3, 10, 11, 15];
    const strange = [...seen.keys()].filter((code) => !known.includes(code));
    this.same('other options', strange, []);
  }

  private cookie(data: Uint8Array | undefined): void {
    const { expect } = this.one;
    if (expect.cookie === 'either') return;
    this.same('cookie length', data?.length, expect.cookie);
    if (data === undefined) return;
    const hex = Buffer.from(data).toString('hex');
    // RFC 9018 section 4: client cookie, version 1, three reserved octets, time, hash.
    this.same('cookie', hex.slice(0, 24), '0102030405060708' + '01000000');
  }

  private ede(data: Uint8Array | undefined): void {
    const { ede } = this.one.expect;
    if (data === undefined) {
      this.must(ede === undefined || ede === 'any', `no EDE, expected ${JSON.stringify(ede)}`);
      return;
    }
    const code = (data[0]! << 8) | data[1]!;
    const text = Buffer.from(data.subarray(2)).toString();
    this.must(text.length > 0, `EDE ${code} without a text`);
    if (ede === 'any' || ede === 'some') return;
    this.same('EDE', code, typeof ede === 'object' ? ede.code : ede);
    if (typeof ede === 'object') this.must(text.includes(ede.text), `EDE text lacks ${ede.text}: ${text}`);
  }
}

/** Every difference between an answer and what was expected of it; empty when it is right. */
export function judge(scenario: Scenario, one: Case, asked: Asked, bytes: Uint8Array): string[] {
  const { expect } = one;
  if (expect.raw !== undefined) {
    const got = Buffer.from(bytes).toString('hex');
    const wanted = expect.raw.replace(/\s/g, '');
    if (got !== wanted) return [`octets: got ${got}, expected ${wanted}`];
    return [];
  }
  let message: WireMessage;
  try {
    message = parseWire(bytes);
  } catch (error) {
    return [`not well formed: ${String(error)}: ${Buffer.from(bytes).toString('hex')}`];
  }
  const judge = new Judge(scenario, one, asked, message);
  judge.bytes = bytes;
  const faults = [...judge.run(), ...judgeByDns2(bytes, message)];
  if (asked.over === 'tcp' && message.flags.tc) faults.push('TC over TCP');
  const offered = one.edns === undefined || one.edns === true ? undefined : one.edns.size;
  const limit = one.edns === undefined ? 512 : Math.max(512, Math.min(offered ?? 1232, 1232));
  if (asked.over === 'udp' && one.raw === undefined && bytes.length > limit) {
    faults.push(`${bytes.length} octets over UDP, ${limit} at most`);
  }
  if (expect.maxSize !== undefined && bytes.length > expect.maxSize) {
    faults.push(`${bytes.length} octets, ${expect.maxSize} at most`);
  }
  return faults;
}
