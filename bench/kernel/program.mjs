/**
 * The XDP program: a plain question for the one AAAA or A of a name is answered where its packet arrives, from an entry
 * that somebody put into a map; everything else goes on to the sockets as if the program were not there.
 *
 * It never looks at labels. The length of the name follows from the length of the datagram, and an entry is found by the
 * whole folded name with its length octets, which folding leaves alone: what equals a valid name is one.
 */
import { Assembler } from './assembler.mjs';
import {
  ANSWER_KEY,
  ANSWER_VALUE,
  LISTENER_KEY,
  NAME_MAX,
  REASONS,
  RECORD_A,
  RECORD_AAAA,
  STATE,
} from './layout.mjs';
import { XDP_PASS, XDP_TX } from './bpf.mjs';

const MAP_LOOKUP = 1;
const KTIME_GET_NS = 5;
const CSUM_DIFF = 28;
const XDP_ADJUST_TAIL = 65;
const XDP_LOAD_BYTES = 189;

/** struct xdp_md */
const DATA = 0;
const DATA_END = 4;
const INTERFACE = 12;

const ETHERNET = 14;
const UDP_HEADER = 8;
const DNS_HEADER = 12;
const QUESTION_FIXED = 4;
const OPT = 11;
/** Of UDP's length: without the name, and the least and the most that is answered. */
const FIXED = UDP_HEADER + DNS_HEADER + QUESTION_FIXED;
const LEAST = FIXED + 1;
const MOST = FIXED + NAME_MAX + OPT;

/** On the stack, relative to the frame. Words of 64 bits must be aligned there: the name in the datagram is. */
const KEY = -ANSWER_KEY.size;
const LISTENER = KEY - LISTENER_KEY.size;
const DATAGRAM_ROOM = 104;
const DATAGRAM = LISTENER - DATAGRAM_ROOM - 12;
const NAME = DATAGRAM + UDP_HEADER + DNS_HEADER;
/** What must live over calls: the checksum of the answer, the length of the query, 11 with OPT. */
const CHECKSUM = DATAGRAM - 4 - 8;
const LENGTH = CHECKSUM - 8;
const OPT_LENGTH = LENGTH - 8;
const SIZE_CHANGE = OPT_LENGTH - 8;
const NEW_LENGTH = SIZE_CHANGE - 8;

/** Constants as a little-endian machine loads them from network order. */
const IP4 = 0x0008;
const IP6 = 0xdd86;
const UDP = 17;
/** In a sum of words: the protocol of the pseudo-header. */
const UDP_WORD = 0x1100;
const COUNTS = 0x00000100;
const ONE_ADDITIONAL = 0x01000000;
const TYPE_A = 0x0100;
const TYPE_AAAA = 0x1c00;
const TYPE_OPT = 0x2900;
const CLASS_IN = 0x0100;
const DNSSEC_OK = 0x0080;
const OUR_SIZE = 0xd004;
/** RD, AD and CD may be set in a query; RD and CD are echoed. */
const FLAGS_UNUSUAL = 0xffff & ~0x3001;
const FLAGS_ECHOED = 0x1001;
const ONES = 0x0101010101010101n;

const number = (reason) => {
  const found = REASONS.indexOf(reason);
  if (found < 0) throw new Error(`there is no reason ${reason}`);
  return found;
};

/** Folds the sum in `register` to 16 bits; uses `scratch`. */
function foldSum(asm, register, scratch) {
  asm
    .opr('mov', scratch, register)
    .op('rsh', scratch, 32)
    .low32(register, register)
    .opr('add', register, scratch);
  // 33 bits, then 18, then 17, then 16.
  for (let i = 0; i < 3; i++)
    asm
      .opr('mov', scratch, register)
      .op('rsh', scratch, 16)
      .op('and', register, 0xffff)
      .opr('add', register, scratch);
}

/** sum += words of 32 bits at base + off. */
function addWords(asm, sum, base, off, count, scratch) {
  for (let i = 0; i < count; i++) asm.load(4, scratch, base, off + i * 4).opr('add', sum, scratch);
}

/** Copies octets by 64-bit words, then smaller ones. */
function copy(asm, to, toOff, from, fromOff, length, scratch) {
  let at = 0;
  for (const size of /** @type {const} */ ([8, 4, 2])) {
    for (; length - at >= size; at += size) {
      asm.load(size, scratch, from, fromOff + at).store(size, to, toOff + at, scratch);
    }
  }
}

/** The part for one family; registers that last: 6 context, 7 packet, 8 length of the name, 9 length, then the entry. */
class Family {
  constructor(asm, maps, six) {
    this.asm = asm;
    this.maps = maps;
    this.six = six;
    this.udp = ETHERNET + (six ? 40 : 20);
    this.dns = this.udp + UDP_HEADER;
    this.name = this.dns + DNS_HEADER;
    this.source = ETHERNET + (six ? 8 : 12);
    this.destination = ETHERNET + (six ? 24 : 16);
    this.addressWords = six ? 4 : 1;
  }

  /** A label of this family. */
  at(name) {
    return `${name} ${this.six ? 6 : 4}`;
  }

  /** The label that passes a packet on for this reason. */
  pass(reason) {
    return `pass ${reason}`;
  }

  emit() {
    this.checkHeaders();
    this.findListener();
    this.checkMessage();
    this.fillKey();
    this.checkState();
    this.findAnswer();
    this.sumUp();
    this.grow();
    this.write();
  }

  /** Lengths, protocol, no fragment and nothing between the headers. Register 2 is the end of the packet. */
  checkHeaders() {
    const { asm, six, udp } = this;
    asm
      .opr('mov', 3, 7)
      .op('add', 3, this.name + 1 + QUESTION_FIXED)
      .ifr('gt', 3, 2, this.pass('size'));
    // To one station only: the answer leaves from that address.
    asm.load(1, 3, 7, 0).if('set', 3, 1, this.pass('not a query of ours: protocol'));
    asm.load(2, 9, 7, udp + 4).swap16(9);
    if (six) {
      asm.load(1, 3, 7, ETHERNET).op('and', 3, 0xf0).if('ne', 3, 0x60, this.pass('broken lengths'));
      asm.load(1, 3, 7, ETHERNET + 6).if('ne', 3, UDP, this.pass('fragment, options or extension header'));
      asm
        .load(2, 3, 7, ETHERNET + 4)
        .swap16(3)
        .ifr('ne', 3, 9, this.pass('broken lengths'));
    } else {
      asm.load(1, 3, 7, ETHERNET + 9).if('ne', 3, UDP, this.pass('not a query of ours: protocol'));
      asm.load(1, 3, 7, ETHERNET).if('ne', 3, 0x45, this.pass('fragment, options or extension header'));
      // All but "do not fragment".
      asm
        .load(2, 3, 7, ETHERNET + 6)
        .if('set', 3, 0xffbf, this.pass('fragment, options or extension header'));
      asm
        .load(2, 3, 7, ETHERNET + 2)
        .swap16(3)
        .op('sub', 3, 20)
        .ifr('ne', 3, 9, this.pass('broken lengths'));
      asm.op('mov', 0, 0);
      addWords(asm, 0, 7, ETHERNET, 5, 3);
      foldSum(asm, 0, 3);
      asm.if('ne', 0, 0xffff, this.pass('checksum'));
    }
    asm.load(2, 3, 7, udp).if('eq', 3, 0, this.pass('size'));
    asm.if('lt', 9, LEAST, this.pass('size')).if('gt', 9, MOST, this.pass('size'));
    asm.opr('mov', 3, 7).opr('add', 3, 9).op('add', 3, udp).ifr('gt', 3, 2, this.pass('broken lengths'));
  }

  findListener() {
    const { asm } = this;
    asm.load(4, 3, 6, INTERFACE).store(4, 10, LISTENER, 3);
    asm.load(2, 3, 7, this.udp + 2).store(2, 10, LISTENER + LISTENER_KEY.port, 3);
    asm.storeImm(2, 10, LISTENER + LISTENER_KEY.port + 2, 0);
    this.putAddress(LISTENER + LISTENER_KEY.address, this.destination);
    asm.map(1, this.maps.listeners).opr('mov', 2, 10).op('add', 2, LISTENER).call(MAP_LOOKUP);
    asm.if('eq', 0, 0, this.pass('no listener'));
    asm.load(4, 3, 0, 0).store(4, 10, KEY, 3);
  }

  /** 16 octets to the stack. */
  putAddress(to, from) {
    const { asm } = this;
    if (this.six) {
      copy(asm, 10, to, 7, from, 16, 3);
      return;
    }
    asm.storeImm(8, 10, to, 0).storeImm(4, 10, to + 8, -0x10000);
    copy(asm, 10, to + 12, 7, from, 4, 3);
  }

  /** Register 8 becomes the length of the name, OPT_LENGTH 0 or 11, SIZE_CHANGE what OPT's size does to the sum. */
  checkMessage() {
    const { asm, dns, name } = this;
    asm.load(2, 3, 7, dns + 2).if('set', 3, FLAGS_UNUSUAL, this.pass('flags'));
    asm.load(4, 3, 7, dns + 4).if('ne', 3, COUNTS, this.pass('counts'));
    asm.load(4, 3, 7, dns + 8);
    asm.opr('mov', 8, 9).op('sub', 8, FIXED);
    asm.op('mov', 4, 0).store(8, 10, OPT_LENGTH, 4).store(8, 10, SIZE_CHANGE, 4).store(8, 10, LENGTH, 9);
    asm.if('eq', 3, 0, this.at('plain')).if('ne', 3, ONE_ADDITIONAL, this.pass('counts'));
    asm.op('mov', 4, OPT).store(8, 10, OPT_LENGTH, 4).op('sub', 8, OPT);
    this.boundName();
    this.endOfName(OPT);
    const opt = name + QUESTION_FIXED;
    asm.load(1, 3, 4, opt).if('ne', 3, 0, this.pass('EDNS'));
    asm.load(2, 3, 4, opt + 1).if('ne', 3, TYPE_OPT, this.pass('EDNS'));
    // Extended rcode and version; of the flags only DO; no options.
    asm.load(2, 3, 4, opt + 5).if('ne', 3, 0, this.pass('EDNS'));
    asm.load(2, 3, 4, opt + 7).if('set', 3, 0xffff & ~DNSSEC_OK, this.pass('EDNS'));
    asm.load(2, 3, 4, opt + 9).if('ne', 3, 0, this.pass('EDNS'));
    asm
      .load(2, 3, 4, opt + 3)
      .op('xor', 3, 0xffff)
      .op('add', 3, OUR_SIZE);
    foldSum(asm, 3, 5);
    asm.opr('mov', 5, 8).if('set', 5, 1, this.at('size in place')).swap16(3);
    asm.label(this.at('size in place')).store(8, 10, SIZE_CHANGE, 3).go(this.at('question'));
    asm.label(this.at('plain'));
    this.boundName();
    this.endOfName(0);
    asm.label(this.at('question'));
    asm.load(2, 3, 4, name + 2).if('ne', 3, CLASS_IN, this.pass('type or class'));
    asm.load(2, 3, 4, name).if('eq', 3, TYPE_AAAA, this.at('type'));
    asm.if('ne', 3, TYPE_A, this.pass('type or class'));
    asm.label(this.at('type')).store(2, 10, KEY + ANSWER_KEY.type, 3);
  }

  boundName() {
    this.asm.if('lt', 8, 1, this.pass('size')).if('gt', 8, NAME_MAX, this.pass('size'));
  }

  /** Register 4 becomes the packet moved by the length of the name; `more` octets after the question are there. */
  endOfName(more) {
    const { asm, name } = this;
    asm.load(4, 2, 6, DATA_END).opr('mov', 4, 7).opr('add', 4, 8);
    asm
      .opr('mov', 5, 4)
      .op('add', 5, name + QUESTION_FIXED + more)
      .ifr('gt', 5, 2, this.pass('broken lengths'));
  }

  /** The datagram on the stack, the key from it. */
  fillKey() {
    const { asm } = this;
    asm.storeImm(4, 10, DATAGRAM, 0).storeImm(4, 10, DATAGRAM + DATAGRAM_ROOM - 4, 0);
    for (let at = 4; at < DATAGRAM_ROOM - 4; at += 8) asm.storeImm(8, 10, DATAGRAM + at, 0);
    asm.opr('mov', 1, 6).op('mov', 2, this.udp).opr('mov', 3, 10).op('add', 3, DATAGRAM).opr('mov', 4, 9);
    asm.call(XDP_LOAD_BYTES).if('ne', 0, 0, this.pass('broken lengths'));
    asm.store(2, 10, KEY + ANSWER_KEY.nameLength, 8);
    this.putAddress(KEY + ANSWER_KEY.client, this.source);
    const to = KEY + ANSWER_KEY.name;
    for (let at = 0; at < NAME_MAX; at += 8) asm.storeImm(8, 10, to + at, 0);
    // Registers 2 to 4: what makes A to Z stand out in eight octets at once.
    asm
      .constant(2, 0x7fn * ONES)
      .constant(3, (0x80n - 0x41n) * ONES)
      .constant(4, (0x80n - 0x5bn) * ONES);
    asm.constant(9, 0x80n * ONES);
    for (let at = 0; at < NAME_MAX; at += 8) {
      asm.load(8, 0, 10, NAME + at);
      const whole = this.at(`whole ${at}`);
      if (at + 8 < NAME_MAX) asm.if('gt', 8, at + 8, whole);
      // The last word: what follows the name is shifted out.
      asm
        .op('mov', 1, at + 8)
        .opr('sub', 1, 8)
        .op('lsh', 1, 3)
        .op('and', 1, 63);
      asm.opr('lsh', 0, 1).opr('rsh', 0, 1);
      asm.label(whole);
      // Bit 7 of each octet: at least A, and not above Z, and ASCII.
      asm
        .opr('mov', 1, 0)
        .opr('and', 1, 2)
        .opr('mov', 5, 1)
        .opr('add', 1, 3)
        .opr('add', 5, 4)
        .opr('xor', 1, 5);
      asm.opr('mov', 5, 0).op('xor', 5, -1).opr('and', 1, 5).opr('and', 1, 9).op('rsh', 1, 2).opr('or', 0, 1);
      asm.store(8, 10, to + at, 0);
      if (at + 8 < NAME_MAX) asm.if('le', 8, at + 8, this.at('folded'));
    }
    asm.label(this.at('folded'));
  }

  checkState() {
    const { asm, maps } = this;
    asm.call(KTIME_GET_NS).mapValue(1, maps.state);
    asm.load(8, 2, 1, STATE.heartbeat).opr('sub', 0, 2).load(8, 2, 1, STATE.lease);
    asm.ifr('sgt', 0, 2, this.pass('no heartbeat'));
  }

  /** Register 9 becomes the entry. */
  findAnswer() {
    const { asm, maps } = this;
    asm.map(1, maps.answers).opr('mov', 2, 10).op('add', 2, KEY).call(MAP_LOOKUP);
    asm.if('eq', 0, 0, this.pass('no entry')).opr('mov', 9, 0);
    asm
      .mapValue(1, maps.state)
      .load(8, 1, 1, 0)
      .load(8, 2, 9, 0)
      .ifr('ne', 1, 2, this.pass('old generation'));
    asm.load(2, 3, 9, ANSWER_VALUE.length).if('eq', 3, RECORD_AAAA, this.at('record'));
    asm.if('ne', 3, RECORD_A, this.pass('no entry')).label(this.at('record'));
  }

  /**
   * The checksum of the answer. A whole one is changed by what changes in the datagram. What a sender on this host
   * leaves to its interface is only the sum of the pseudo-header; it stays that, since whoever gets the packet knows.
   */
  sumUp() {
    const { asm, udp, dns, six } = this;
    asm.op('mov', 0, UDP_WORD);
    addWords(asm, 0, 7, this.source, 2 * this.addressWords, 3);
    asm.load(2, 3, 7, udp + 4).opr('add', 0, 3);
    foldSum(asm, 0, 3);
    asm.store(8, 10, CHECKSUM, 0);
    // A datagram ends before its room, and zeros add nothing.
    asm.op('mov', 1, 0).op('mov', 2, 0).opr('mov', 3, 10).op('add', 3, DATAGRAM).op('mov', 4, DATAGRAM_ROOM);
    asm.op('mov', 5, 0).call(CSUM_DIFF).low32(0, 0);
    asm.load(8, 1, 10, CHECKSUM).load(2, 2, 7, udp + 6);
    // Register 4: the new length as a word of the sum, 5: the change of the length.
    asm
      .load(8, 3, 10, LENGTH)
      .load(2, 4, 9, ANSWER_VALUE.length)
      .opr('add', 3, 4)
      .store(8, 10, NEW_LENGTH, 3);
    asm
      .opr('mov', 4, 3)
      .swap16(4)
      .load(2, 5, 7, udp + 4)
      .op('xor', 5, 0xffff)
      .opr('add', 5, 4);
    if (!six) asm.if('eq', 2, 0, this.at('summed'));
    asm.opr('add', 0, 1);
    foldSum(asm, 0, 3);
    asm.if('eq', 0, 0xffff, this.at('whole'));
    asm.ifr('ne', 1, 2, this.pass('checksum'));
    asm.opr('mov', 2, 1).opr('add', 2, 5);
    foldSum(asm, 2, 3);
    asm.go(this.at('summed'));

    // Right as it stands, and equal to what would be left to an interface: whoever gets the answer could not tell.
    asm.label(this.at('whole')).ifr('eq', 1, 2, this.pass('checksum'));
    asm.op('xor', 2, 0xffff).opr('add', 2, 5).opr('add', 2, 5);
    asm
      .load(2, 3, 7, dns + 2)
      .op('mov', 4, 0xffff)
      .opr('sub', 4, 3)
      .opr('add', 2, 4);
    this.newFlags(3, 4);
    // ANCOUNT becomes 1.
    asm.opr('add', 2, 3).op('add', 2, 0x0100).load(8, 3, 10, SIZE_CHANGE).opr('add', 2, 3);
    asm
      .load(4, 3, 9, ANSWER_VALUE.sum)
      .opr('mov', 4, 8)
      .op('and', 4, 1)
      .if('eq', 4, 0, this.at('even'))
      .swap16(3);
    asm.label(this.at('even')).opr('add', 2, 3);
    foldSum(asm, 2, 3);
    asm.op('xor', 2, 0xffff).if('ne', 2, 0, this.at('summed')).op('mov', 2, 0xffff);
    asm.label(this.at('summed')).store(8, 10, CHECKSUM, 2);
  }

  /** `register` becomes the second word of the answer's header. */
  newFlags(register, scratch) {
    const { asm, dns } = this;
    asm.load(2, register, 7, dns + 2).op('and', register, FLAGS_ECHOED);
    asm.load(2, scratch, 9, ANSWER_VALUE.flags).opr('or', register, scratch);
  }

  /** Makes room; until here the packet is as it came. */
  grow() {
    const { asm, udp } = this;
    asm
      .load(4, 2, 6, DATA_END)
      .opr('sub', 2, 7)
      .load(8, 3, 10, NEW_LENGTH)
      .op('add', 3, udp)
      .opr('sub', 3, 2);
    asm.opr('mov', 1, 6).opr('mov', 2, 3).call(XDP_ADJUST_TAIL).if('ne', 0, 0, this.pass('no room'));
  }

  write() {
    const { asm, six, udp, dns, name } = this;
    asm.load(4, 7, 6, DATA).load(4, 2, 6, DATA_END);
    asm.opr('mov', 3, 7).op('add', 3, name).ifr('gt', 3, 2, 'drop');
    // Stations, addresses and ports change places.
    for (const [size, from, to] of /** @type {const} */ ([
      [4, 0, 6],
      [2, 4, 10],
      [2, udp, udp + 2],
    ]))
      asm.load(size, 3, 7, from).load(size, 4, 7, to).store(size, 7, from, 4).store(size, 7, to, 3);
    for (let i = 0; i < this.addressWords * 4; i += 4) {
      asm.load(4, 3, 7, this.source + i).load(4, 4, 7, this.destination + i);
      asm.store(4, 7, this.source + i, 4).store(4, 7, this.destination + i, 3);
    }
    asm.load(8, 5, 10, NEW_LENGTH);
    if (six) {
      asm
        .storeImm(4, 7, ETHERNET, 0x60)
        .opr('mov', 3, 5)
        .swap16(3)
        .store(2, 7, ETHERNET + 4, 3);
      asm.storeImm(1, 7, ETHERNET + 7, 64);
    } else {
      asm
        .storeImm(2, 7, ETHERNET, 0x45)
        .opr('mov', 3, 5)
        .op('add', 3, 20)
        .swap16(3)
        .store(2, 7, ETHERNET + 2, 3);
      // No number, not to be fragmented, 64 hops, UDP, no sum yet.
      asm.storeImm(4, 7, ETHERNET + 4, 0x00400000).storeImm(4, 7, ETHERNET + 8, 0x00001140);
      asm.op('mov', 0, 0);
      addWords(asm, 0, 7, ETHERNET, 5, 3);
      foldSum(asm, 0, 3);
      asm.op('xor', 0, 0xffff).store(2, 7, ETHERNET + 10, 0);
    }
    asm.swap16(5).store(2, 7, udp + 4, 5);
    asm.load(8, 3, 10, CHECKSUM).store(2, 7, udp + 6, 3);
    this.newFlags(3, 4);
    asm.store(2, 7, dns + 2, 3).storeImm(2, 7, dns + 6, 0x0100);
    // DO of the query stays where the record will be: it is read before.
    asm
      .load(8, 5, 10, OPT_LENGTH)
      .opr('mov', 4, 7)
      .opr('add', 4, 8)
      .op('mov', 1, 0)
      .if('eq', 5, 0, this.at('no opt'));
    asm
      .opr('mov', 3, 4)
      .op('add', 3, name + QUESTION_FIXED + OPT)
      .ifr('gt', 3, 2, 'drop');
    asm.load(2, 1, 4, name + QUESTION_FIXED + 7);
    asm.label(this.at('no opt')).op('add', 4, name + QUESTION_FIXED);
    asm.load(2, 3, 9, ANSWER_VALUE.length).if('eq', 3, RECORD_A, this.at('four'));
    this.writeRecord(RECORD_AAAA);
    asm.go(this.at('written')).label(this.at('four'));
    this.writeRecord(RECORD_A);
    asm.label(this.at('written')).if('eq', 5, 0, 'answered');
    asm.opr('mov', 3, 4).op('add', 3, OPT).ifr('gt', 3, 2, 'drop');
    asm.storeImm(1, 4, 0, 0).storeImm(2, 4, 1, TYPE_OPT).storeImm(2, 4, 3, OUR_SIZE);
    asm.storeImm(2, 4, 5, 0).store(2, 4, 7, 1).storeImm(2, 4, 9, 0).go('answered');
  }

  /** At register 4, which moves behind it. */
  writeRecord(length) {
    const { asm } = this;
    asm.opr('mov', 3, 4).op('add', 3, length).ifr('gt', 3, 2, 'drop');
    copy(asm, 4, 0, 9, ANSWER_VALUE.record, length, 3);
    asm.op('add', 4, length);
  }
}

/**
 * The program over these maps, by their file descriptors.
 *
 * @param {{ listeners: number, answers: number, state: number, counters: number }} maps
 */
export function program(maps) {
  const asm = new Assembler();
  const other = 'pass not a query of ours: protocol';
  asm.opr('mov', 6, 1).load(4, 7, 6, DATA).load(4, 2, 6, DATA_END);
  asm.opr('mov', 3, 7).op('add', 3, ETHERNET).ifr('gt', 3, 2, other);
  asm.load(2, 3, 7, 12).if('eq', 3, IP6, 'six').if('ne', 3, IP4, other);
  new Family(asm, maps, false).emit();
  asm.label('six');
  new Family(asm, maps, true).emit();
  const counted = (reason, verdict) => {
    asm
      .mapValue(1, maps.counters, number(reason) * 8)
      .op('mov', 2, 1)
      .atomicAdd(1, 0, 2);
    asm.op('mov', 0, verdict).exit();
  };
  asm.label('answered');
  counted('answered', XDP_TX);
  for (const reason of REASONS.slice(1)) {
    asm.label(`pass ${reason}`);
    counted(reason, XDP_PASS);
  }
  // Cannot happen: the kernel's verifier wants to see what we know about a packet that has just grown.
  asm.label('drop').op('mov', 0, 0).exit();
  return asm.code();
}
