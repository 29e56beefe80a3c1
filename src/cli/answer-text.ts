/** One answer, in the layout of dig, which DNS operators know, or for programs. */
import { OPTION_NSID } from '../dns/constants.ts';
import { optionData, type Edns, type Message, type ResourceRecord } from '../dns/print.ts';
import { plainText } from '../model-text.ts';
import { classText, edeText, opcodeText, rcodeText, typeText } from '../dns/text.ts';
import type { Exchange } from './exchange.ts';

/** `server` is `ADDR:PORT` as the user would write it. */
export function answerText(
  { message, octets, protocol, milliseconds, tcpFailure }: Exchange,
  server: string,
): string {
  const { question, answer, authority, additional, edns } = message;
  const lines = [
    `;; ->>HEADER<<- opcode: ${opcodeText(message.opcode)}, status: ${rcodeText(message.rcode)}, id: ${message.id}`,
    `;; flags: ${flagsOf(message).join(' ')}; QUERY: ${question === undefined ? 0 : 1}, ANSWER: ${answer.length}, ` +
      `AUTHORITY: ${authority.length}, ADDITIONAL: ${additional.length + (edns === undefined ? 0 : 1)}`,
    '',
  ];
  if (edns !== undefined) lines.push(';; OPT PSEUDOSECTION:', ...ednsLines(edns));
  if (question !== undefined) {
    lines.push(
      ';; QUESTION SECTION:',
      `;${question.name}\t\t${classText(question.class)}\t${typeText(question.type)}`,
      '',
    );
  }
  lines.push(
    ...section('ANSWER', answer),
    ...section('AUTHORITY', authority),
    ...section('ADDITIONAL', additional),
  );
  lines.push(
    `;; Query time: ${milliseconds} msec`,
    `;; SERVER: ${server} (${protocol})`,
    `;; MSG SIZE  rcvd: ${octets}`,
  );
  if (tcpFailure !== undefined) lines.push(`;; truncated, and TCP failed: ${tcpFailure}`);
  return `${lines.join('\n')}\n`;
}

/** The same for programs; the keys of records are those of the layout above, in words. */
export function answerJson(
  { message, octets, protocol, milliseconds, tcpFailure }: Exchange,
  server: string,
): object {
  const { question, edns } = message;
  const records = (section: readonly ResourceRecord[]): object[] =>
    section.map(({ name, ttl, class: recordClass, type, data }) => ({
      name,
      ttl,
      class: classText(recordClass),
      type: typeText(type),
      data,
    }));
  const nsid = optionData(edns, OPTION_NSID);
  return {
    id: message.id,
    opcode: opcodeText(message.opcode),
    status: rcodeText(message.rcode),
    flags: flagsOf(message),
    question: question && {
      name: question.name,
      class: classText(question.class),
      type: typeText(question.type),
    },
    answer: records(message.answer),
    authority: records(message.authority),
    additional: records(message.additional),
    edns: edns && {
      version: edns.version,
      do: edns.do,
      udp: edns.size,
      nsid: nsid && nsidText(Buffer.from(nsid)),
      errors: edns.errors.map(({ code, text }) => ({ code, meaning: edeText(code), text })),
    },
    server,
    protocol,
    milliseconds,
    octets,
    tcpFailure,
  };
}

function flagsOf(message: Message): string[] {
  const { qr, aa, tc, rd, ra, ad, cd } = message;
  return Object.entries({ qr, aa, tc, rd, ra, ad, cd })
    .filter(([, set]) => set)
    .map(([name]) => name);
}

function ednsLines(edns: Edns): string[] {
  const lines = [`; EDNS: version: ${edns.version}, flags:${edns.do ? ' do' : ''}; udp: ${edns.size}`];
  const nsid = optionData(edns, OPTION_NSID);
  if (nsid !== undefined) lines.push(`; NSID: ${nsidText(Buffer.from(nsid))}`);
  for (const { code, text } of edns.errors) {
    lines.push(`; EDE: ${code} (${edeText(code)})${text === '' ? '' : `: ${plainText(text)}`}`);
  }
  return lines;
}

/** podns sends a node name as text; other servers may send any octets. */
function nsidText(nsid: Buffer): string {
  const text = nsid.toString('latin1');
  return /^[\x21-\x7e]+$/.test(text) ? text : `0x${nsid.toString('hex')}`;
}

function section(title: string, records: readonly ResourceRecord[]): string[] {
  if (records.length === 0) return [];
  const lines = records.map(
    ({ name, ttl, class: recordClass, type, data }) =>
      `${name}\t\t${ttl}\t${classText(recordClass)}\t${typeText(type)}\t${data}`,
  );
  return [`;; ${title} SECTION:`, ...lines, ''];
}
