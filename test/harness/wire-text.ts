/** Names, addresses and types in presentation form, independent of the code under test. */

/** Names are label lists in latin1, letter case as on the wire: [] is the root. */
export type Labels = string[];

const TYPE_NAMES: Record<number, string> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  41: 'OPT',
  43: 'DS',
  48: 'DNSKEY',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  249: 'TKEY',
  250: 'TSIG',
  251: 'IXFR',
  252: 'AXFR',
  253: 'MAILB',
  254: 'MAILA',
  255: 'ANY',
  257: 'CAA',
};
const TYPE_NUMBERS = new Map(Object.entries(TYPE_NAMES).map(([number, name]) => [name, Number(number)]));

export function typeNumber(text: string): number {
  const known = TYPE_NUMBERS.get(text);
  if (known !== undefined) return known;
  const match = /^TYPE(\d+)$/.exec(text);
  if (match === null) throw new Error(`unknown type ${text}`);
  return Number(match[1]);
}

export function typeText(type: number): string {
  return TYPE_NAMES[type] ?? `TYPE${type}`;
}

/** Presentation form with the final dot (RFC 4343 section 2.1 escapes). */
export function nameText(labels: Labels): string {
  if (labels.length === 0) return '.';
  let text = '';
  for (const label of labels) {
    for (let i = 0; i < label.length; i++) {
      const code = label.charCodeAt(i);
      if (code === 0x2e || code === 0x5c) text += '\\' + label[i];
      else if (code < 0x21 || code > 0x7e) text += '\\' + String(code).padStart(3, '0');
      else text += label[i];
    }
    text += '.';
  }
  return text;
}

/** RFC 5952 text of 16 octets. */
export function ip6Text(octets: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((octets[i]! << 8) | octets[i + 1]!);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}
