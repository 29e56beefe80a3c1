/** Text in columns: left-aligned, two spaces between them, none after the last. */
import { plainText } from '../model-text.ts';

type Row = readonly string[];

/** `-` stands for an empty cell, so that tools such as awk can count columns. */
function cellsOf(row: Row): string[] {
  return row.map((cell) => (cell === '' ? '-' : plainText(cell)));
}

export function tableText(header: Row, rows: readonly Row[]): string {
  const widths = widthsOf(header, rows);
  return [header, ...rows].map((row) => rowText(row, widths)).join('');
}

/** The width of each column. */
export function widthsOf(header: Row, rows: readonly Row[]): number[] {
  const widths = header.map((word) => word.length);
  for (const row of rows)
    for (const [column, cell] of cellsOf(row).entries())
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return widths;
}

/** One line with these widths; a longer cell moves those after it. */
export function rowText(row: Row, widths: readonly number[]): string {
  const cells = cellsOf(row).map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return `${cells.join('  ').trimEnd()}\n`;
}
