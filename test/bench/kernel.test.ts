/** The kernel's answers: the assembler, what may become an entry, and the program against the server's own answers. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missingTools, skipAloud } from '../harness/tools.ts';

const FOLDER = new URL('../../bench/kernel/', import.meta.url);
/** The benches are plain JavaScript, and read from where they lie. */
const { Assembler } = await import(new URL('assembler.mjs', FOLDER).href);
const { KernelAnswers, entryOf } = await import(new URL('answers.mjs', FOLDER).href);
const { bpfReason } = await import(new URL('bpf.mjs', FOLDER).href);
const { ANSWER_KEY, ANSWER_VALUE } = await import(new URL('layout.mjs', FOLDER).href);

describe('the assembler', () => {
  it('resolves labels forwards and backwards, in instructions from the next one', () => {
    const code = new Assembler()
      .label('a')
      .op('mov', 0, 2)
      .if('eq', 0, 2, 'b')
      .go('a')
      .label('b')
      .exit()
      .code();
    expect(Buffer.from(code).toString('hex', 0, 8)).toBe('b700000002000000');
    expect(Buffer.from(code).toString('hex', 8, 16)).toBe('1500010002000000');
    expect(Buffer.from(code).toString('hex', 16, 24)).toBe('0500fdff00000000');
    expect(Buffer.from(code).toString('hex', 24)).toBe('9500000000000000');
  });

  it('splits a constant of 64 bits over two instructions', () => {
    const code = new Assembler().constant(3, 0x8081828384858687n).code();
    expect(Buffer.from(code).toString('hex')).toBe('18030000878685840000000083828180');
  });

  it('names a label that is missing or there twice', () => {
    expect(() => new Assembler().go('nowhere').code()).toThrow('there is no label nowhere');
    expect(() => new Assembler().label('a').label('a')).toThrow('label a is there twice');
  });
});

const CLIENT = Buffer.from('fdbe0000000100000000000000000001', 'hex');
/** `WEB.n0`, AAAA, class IN. */
const QUESTION = '03574542026e3000001c0001';
const RECORD = 'c00c001c0001000000010010fdbe0000000100000000000000000007';
const answerOf = (head: string, rest: string): Uint8Array => Buffer.from(head + QUESTION + rest, 'hex');

describe('an entry', () => {
  it('is made of a plain answer: folded name, flags without what is echoed, the record', () => {
    const { key, value } = entryOf(answerOf('123485900001000100000000', RECORD), CLIENT, 7, 9n);
    expect(Buffer.from(key).toString('hex', 0, 8)).toBe('07000000001c0800');
    expect(Buffer.from(key).toString('latin1', ANSWER_KEY.name, ANSWER_KEY.name + 9)).toBe(
      '\x03web\x02n0\0\0',
    );
    expect(Buffer.from(key).subarray(ANSWER_KEY.client, ANSWER_KEY.name)).toEqual(CLIENT);
    expect(Buffer.from(value).readBigUInt64LE(0)).toBe(9n);
    expect(Buffer.from(value).readUInt16BE(ANSWER_VALUE.flags)).toBe(0x8480);
    expect(Buffer.from(value).toString('hex', ANSWER_VALUE.record, ANSWER_VALUE.record + 28)).toBe(RECORD);
  });

  it.each([
    ['NXDOMAIN', '123485830001000100000000', RECORD],
    ['truncated', '123487800001000100000000', RECORD],
    ['a query', '123401000001000100000000', RECORD],
    ['two records', '123485800001000200000000', RECORD + RECORD],
    ['no record', '123485800001000000000000', ''],
    ['an authority', '123485800001000100010000', RECORD],
    ['an option', '123485800001000100000001', RECORD + '00002904d00000000000060003000200ff'],
    ['a record of another type', '123485800001000100000000', RECORD.replace('c00c001c', 'c00c0010')],
    ['a record of another owner', '123485800001000100000000', RECORD.replace('c00c', 'c010')],
    ['cut off', '123485800001000100000000', RECORD.slice(2)],
  ])('is not made of an answer that is unusual: %s', (_what, head, rest) => {
    expect(entryOf(answerOf(head, rest), CLIENT, 1, 1n)).toBeUndefined();
  });

  it('is not made of a longer name than the kernel looks at', () => {
    const name = '3f' + '61'.repeat(63) + '00';
    const answer = Buffer.from('123485800001000100000000' + name + '001c0001' + RECORD, 'hex');
    expect(entryOf(answer, CLIENT, 1, 1n)).toBeUndefined();
  });
});

const reason: string | undefined = bpfReason();
if (reason !== undefined) {
  skipAloud('the program in the kernel', reason);
} else {
  describe('the program in the kernel', () => {
    const queries = Number(process.env['PODNS_KERNEL_QUERIES'] ?? 9000);

    it('answers what the server answers, octet for octet, and passes on everything else unchanged', async () => {
      const { compare } = await import(new URL('octets.mjs', FOLDER).href);
      const { answered, learned, moves, reasons } = await compare({ queries, change: 3000, silence: 2500 });
      expect(answered).toBeGreaterThan(queries / 50);
      expect(learned).toBeGreaterThan(queries / 10);
      expect(moves).toBeGreaterThan(0);
      // Every way out was taken, but for the one that needs a driver without room.
      const unused = Object.keys(reasons).filter((name) => reasons[name] === 0);
      expect(unused).toEqual(['no room']);
    });

    it('goes with the process that loaded it: a closed one leaves nothing behind', () => {
      const kernel = new KernelAnswers();
      const before = kernel.counters();
      expect(Object.values(before).every((count) => count === 0)).toBe(true);
      kernel.close();
      expect(() => kernel.counters()).toThrow('EBADF');
    });
  });

  const tools = process.getuid?.() === 0 ? missingTools(['ip', 'unshare']) : 'network namespaces need root';
  if (tools !== undefined) skipAloud('answers of the kernel over a wire', tools);
  else {
    it('reaches a pod over veth and bridge, with and without checksum offload', () => {
      const script = fileURLToPath(new URL('arrives.mjs', FOLDER));
      const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
      expect(stderr).toBe('');
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines).toHaveLength(8);
      for (const { fromKernel, right, offload, asked, arrived } of lines) {
        expect({ fromKernel, right }).toEqual({ fromKernel: 1, right: true });
        // A pod without offload checks the sum itself; with it, the interface has taken the sum over.
        const sum = offload ? 'partial' : 'whole';
        expect({ asked, arrived }).toEqual({ asked: sum, arrived: sum });
      }
    });
  }
}
