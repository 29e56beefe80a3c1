/** Makes foreign text safe for messages, terminals and logs. */

/**
 * Control characters (C0, DEL, C1), direction marks, separators of lines and paragraphs, and halves of surrogate
 * pairs: a terminal interprets them instead of showing them.
 */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const LAYOUT = /[\n\t]/;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * One line of text, with characters that a terminal would interpret shown as `\u001b`, which means the same in JSON.
 */
export function plainText(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** Several lines made by podns: like `plainText`, but line ends and tabs stay. */
export function plainLines(text: string): string {
  return text.replace(UNSAFE, (character) => (LAYOUT.test(character) ? character : escaped(character)));
}

/** At most `most` characters of a text, made plain. */
export function excerpt(text: string, most = 80): string {
  return plainText(text.length > most ? `${text.slice(0, most - 3)}...` : text);
}
