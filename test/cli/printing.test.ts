/** Whatever a name, a reason or an answer holds, a terminal shows it and does not obey it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answerText } from '../../src/cli/answer-text.ts';
import { bannerText } from '../../src/cli/banner.ts';
import { eventText } from '../../src/cli/commands/events.ts';
import { line, printing, problemLine } from '../../src/cli/io.ts';
import { tableText } from '../../src/cli/columns.ts';
import { excerpt, plainLines, plainText } from '../../src/model-text.ts';
import { quote } from '../../src/source/validate/names.ts';
import { podns } from './harness.ts';

/** Each kind once: C0, DEL, C1, marks and overrides of direction, separators, half a surrogate pair. */
const EVIL =
  '\u0000\u0007\u001b[2J\r\n\t\u007f\u0085\u009b31m\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\ud800';
const OBEYED =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

describe('text from elsewhere', () => {
  it('is escaped, and other text is as it was', () => {
    expect(plainText(EVIL)).toMatch(/^[ -~]+$/);
    expect(JSON.parse(`"${plainText(EVIL)}"`)).toBe(EVIL);
    const fine = 'pod aep/shop/db: "日本語 – ü 🙂" is fine';
    expect(plainText(fine)).toBe(fine);
    expect(plainLines('a\n\tb\u001b\n')).toBe('a\n\tb\\u001b\n');
    expect(excerpt('x'.repeat(100))).toBe(`${'x'.repeat(77)}...`);
    expect(quote(EVIL)).toMatch(/^[ -~]+$/);
  });

  it('stays one line, one cell, one problem', () => {
    let out = '';
    line({ ...process, out: (text: string) => void (out += text) } as never, `a${EVIL}b`);
    expect(out.match(/\n/g)).toHaveLength(1);
    const table = tableText(['NAME', 'X'], [[EVIL, '1']]);
    expect(table.split('\n')).toHaveLength(3);
    expect(table).not.toMatch(OBEYED);
    expect(table).not.toContain('\t');
  });
});

describe('every text output', () => {
  it('of the command passes the same door', () => {
    let out = '';
    let err = '';
    const io = printing({
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      input: () => Promise.resolve(''),
      environment: {},
      folder: '/',
    });
    io.out(problemLine({ severity: 'error', reason: EVIL }));
    io.err(EVIL);
    expect(out + err).not.toMatch(OBEYED);
  });

  it('banner, event, answer', () => {
    const banner = bannerText({
      ...{
        version: '1',
        sources: [`zones:${EVIL}`],
        listeners: [],
        choice: EVIL,
        admin: '',
        counts: undefined,
      },
      hints: [EVIL],
    });
    expect(banner).not.toMatch(OBEYED);
    expect(banner.split('\n')).toHaveLength(5);
    const answer = answerText(
      {
        message: {
          ...{ id: 1, qr: true, opcode: 0, aa: true, tc: false, rd: false, ra: false, ad: false, cd: false },
          ...{ rcode: 2, question: undefined, answer: [], authority: [], additional: [] },
          edns: { version: 0, size: 1232, do: false, options: [], errors: [{ code: 22, text: EVIL }] },
        },
        ...{ octets: 1, protocol: 'udp', milliseconds: 1, doubts: [] },
      } as never,
      '127.0.0.1:53',
    );
    expect(answer).not.toMatch(OBEYED);
  });

  it('check, of a file whose names and text are hostile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-printing-'));
    const yaml = `vpc: a\nnamespaces:\n  n:\n    pods:\n      p: { aid: "\\e[31m\\u202E", names: ["\\x9b2J"], "k\\u2028ey": 1 }\n`;
    writeFileSync(join(folder, 'a.yaml'), yaml);
    const { code, out, err } = await podns(['check', folder]);
    expect(code).toBe(78);
    expect(out + err).not.toMatch(OBEYED);
    expect(out).toContain('\\u001b[31m\\u202e');
    rmSync(folder, { recursive: true });
  });

  it('events and status, of a server that is not to be trusted', async () => {
    const event = { type: 'put', time: '2026-01-01T00:00:00.000Z', source: EVIL, revision: EVIL };
    const object = {
      kind: 'pod',
      vpc: EVIL,
      namespace: 'n',
      name: 'p',
      ip6: EVIL,
      overlays: [],
      ready: true,
    };
    const server = createServer((_request, response) =>
      response.end(`${JSON.stringify({ ...event, object })}\n`),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const text = await podns(['events', '--admin', admin]);
    const json = await podns(['events', '-o', 'json', '--admin', admin]);
    server.close();
    expect(eventText({ ...event, object } as never)).toContain(EVIL);
    expect(text.out).not.toMatch(OBEYED);
    expect(text.out.match(/\n/g)).toHaveLength(1);
    expect(json.out).not.toMatch(OBEYED);
    expect(JSON.parse(json.out)).toEqual({ ...event, object });
  });
});
