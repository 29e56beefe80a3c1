/** Changes inputs at random: octets, numbers, pieces, words of a dictionary, and parts of other inputs. */

const INTERESTING = [0, 1, 0x0c, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
const NUMBERS = ['0', '-1', '255', '256', '65535', '65536', '4294967296', '9007199254740993', '1e400', '00'];
const CHANGES_MAX = 5;

/**
 * @param {Buffer} seed
 * @param {(below: number) => number} below
 * @param {{ most: number, text: boolean, words: Buffer[], other: () => Buffer }} options `most`: octets of the result
 */
export function mutate(seed, below, { most, text, words, other }) {
  let input = Buffer.from(seed);
  for (let changes = 1 + below(CHANGES_MAX); changes > 0; changes--) {
    input =
      text && below(3) > 0 ? changeText(input, below, words, other) : change(input, below, words, other);
    if (input.length > most) input = input.subarray(0, most);
  }
  return input;
}

const replace = (input, at, end, by) => Buffer.concat([input.subarray(0, at), by, input.subarray(end)]);

function change(input, below, words, other) {
  const at = below(input.length + 1);
  const end = Math.min(input.length, at + 1 + below(below(4) === 0 ? 256 : 8));
  switch (below(10)) {
    case 0:
      return input.subarray(0, at);
    case 1:
      return replace(input, at, end, Buffer.alloc(0));
    case 2:
      return replace(input, at, at, Buffer.alloc(1 + below(24), below(256)));
    case 3: {
      const piece = input.subarray(at, at + 1 + below(64));
      const times = below(8) === 0 ? 1 + below(40) : 1;
      return replace(input, at, at, Buffer.concat(Array(times).fill(piece)));
    }
    case 4:
      if (input.length < at + 2) return input;
      input.writeUInt16BE(below(2) === 0 ? below(16) : below(65_536), at);
      return input;
    case 5:
      return words.length === 0 ? input : replace(input, at, at, words[below(words.length)]);
    case 6: {
      const from = other();
      const cut = below(from.length + 1);
      return replace(
        input,
        at,
        below(2) === 0 ? input.length : end,
        from.subarray(cut, cut + 1 + below(256)),
      );
    }
    case 7:
      if (at < input.length) input[at] ^= 1 << below(8);
      return input;
    default:
      if (at < input.length) input[at] = below(2) === 0 ? INTERESTING[below(INTERESTING.length)] : below(256);
      return input;
  }
}

/** Changes that leave a text a text: lines, numbers, quoted and other words. */
function changeText(input, below, words, other) {
  const lines = input.toString('latin1').split('\n');
  const line = below(lines.length);
  const bytes = () => Buffer.from(lines.join('\n'), 'latin1');
  switch (below(8)) {
    case 0:
      lines.splice(line, 1 + below(3));
      return bytes();
    case 1:
      lines.splice(below(lines.length + 1), 0, ...lines.slice(line, line + 1 + below(4)));
      return bytes();
    case 2: {
      const from = other().toString('latin1').split('\n');
      lines.splice(line, below(2), from[below(from.length)]);
      return bytes();
    }
    case 3:
      lines[line] = `${' '.repeat(below(6))}${lines[line].trimStart()}`;
      return bytes();
    case 4:
      lines[line] = swap(lines[line], /-?\d+/g, below, () => NUMBERS[below(NUMBERS.length)]);
      return bytes();
    case 5: {
      const word = () => (words.length === 0 ? '' : words[below(words.length)].toString('latin1'));
      lines[line] = swap(lines[line], /"[^"]*"|[\w.:/-]+/g, below, word);
      return bytes();
    }
    case 6: {
      const found = [...input.toString('latin1').matchAll(/"[^"]*"|[\w.:/-]+/g)];
      if (found.length === 0) return input;
      const word = found[below(found.length)][0];
      lines[line] = swap(lines[line], /"[^"]*"|[\w.:/-]+/g, below, () => word);
      return bytes();
    }
    default:
      lines[line] = swap(lines[line], /"[^"]*"|[\w.:/-]+/g, below, (word) => word.repeat(2 + below(40)));
      return bytes();
  }
}

/** Replaces one of the matches. */
function swap(text, pattern, below, by) {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const { 0: word, index } = found[below(found.length)];
  return text.slice(0, index) + by(word) + text.slice(index + word.length);
}
