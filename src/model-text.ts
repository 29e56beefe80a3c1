/** Text that came from somewhere else, as it may stand in a message, on a terminal or in a log. */

/**
 * Controls (C0, DEL, C1), marks that turn the direction of what follows, separators of lines and paragraphs, and
 * halves of surrogate pairs: what a terminal obeys instead of showing.
 */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const LAYOUT = /[\n\t]/;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** One line of text: what a terminal would obey is shown as `\u001b`, which inside JSON means the same. */
export function plainText(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** Several lines of our own making: as `plainText`, but line ends and tabs stay. */
export function plainLines(text: string): string {
  return text.replace(UNSAFE, (character) => (LAYOUT.test(character) ? character : escaped(character)));
}

/** At most that many characters of a text, made plain. */
export function excerpt(text: string, most = 80): string {
  return plainText(text.length > most ? `${text.slice(0, most - 3)}...` : text);
}
