/** Text that came from records, as the page may show it; times and numbers in words. */

/**
 * Controls, marks that turn the direction of what follows, separators of lines and paragraphs, and halves of
 * surrogate pairs: as the server's own logs escape them, and a test holds the two equal.
 */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * One line of text: what cannot be seen is shown as `\u202e`.
 * @param {unknown} value
 */
export function plain(value) {
  // oxlint-disable-next-line typescript/no-base-to-string -- anything may come, and must be shown as text
  return String(value ?? '').replace(UNSAFE, escaped);
}

/**
 * As `plain`, but ends of lines and tabs stay.
 * @param {unknown} value
 */
export function plainLines(value) {
  // oxlint-disable-next-line typescript/no-base-to-string -- anything may come, and must be shown as text
  return String(value ?? '').replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );
}

/** @param {string} character */
function escaped(character) {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * `12 s`, `3 min`, `2 h`, `5 d`.
 * @param {number} milliseconds
 */
export function durationText(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/**
 * `12 s ago`; `never` for null.
 * @param {string | null | undefined} time RFC 3339
 */
export function agoText(time) {
  const at = typeof time === 'string' ? Date.parse(time) : NaN;
  return Number.isNaN(at) ? 'never' : `${durationText(Date.now() - at)} ago`;
}

/**
 * A local time of day, with the date where it is not today.
 * @param {string} time RFC 3339
 */
export function clockText(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return plain(time);
  const clock = at.toLocaleTimeString('en-GB');
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock : `${at.toLocaleDateString('sv-SE')} ${clock}`;
}

/**
 * Three digits that count, with thin spaces.
 * @param {number | null | undefined} value
 */
export function numberText(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits }).replaceAll(',', '\u202f');
}

/**
 * Milliseconds in the unit that reads best.
 * @param {number | null | undefined} milliseconds
 */
export function millisecondsText(milliseconds) {
  if (milliseconds === null || milliseconds === undefined || !Number.isFinite(milliseconds)) return '–';
  if (milliseconds >= 1000) return `${numberText(milliseconds / 1000)} s`;
  return milliseconds < 1 ? `${numberText(milliseconds * 1000)} µs` : `${numberText(milliseconds)} ms`;
}

/**
 * `1 pod`, `2 pods`.
 * @param {number} count
 * @param {string} word
 * @param {string} [several]
 */
export function countText(count, word, several = `${word}s`) {
  return `${numberText(count)} ${count === 1 ? word : several}`;
}
