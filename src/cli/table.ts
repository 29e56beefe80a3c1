/** Text in columns: left-aligned, two spaces between them, none after the last. */
import { plainText } from '../model-text.ts';

/** `-` stands for an empty cell, so that tools such as awk can count columns. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : plainText(cell))))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map(
      (row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}
