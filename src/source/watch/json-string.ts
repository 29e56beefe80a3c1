/** Finds the end of a string in JSON that arrives in chunks. */

export class JsonString {
  /** True while a string is open. */
  open = false;
  /** True if the previous chunk ended after a backslash. */
  private escaped = false;

  /** The position after the open string, or the end of the chunk. */
  end(chunk: Uint8Array, from: number): number {
    let i = from;
    if (this.escaped && i < chunk.length) {
      this.escaped = false;
      i++;
    }
    for (;;) {
      // Most strings are short; for a long one `indexOf` is faster.
      const near = Math.min(i + 48, chunk.length);
      for (; i < near; i++) {
        const code = chunk[i]!;
        if (code === 0x22) {
          this.open = false;
          return i + 1;
        }
        if (code !== 0x5c) continue;
        if (++i < chunk.length) continue;
        this.escaped = true;
        return i;
      }
      if (i >= chunk.length) return chunk.length;
      const quote = chunk.indexOf(0x22, i);
      const end = quote === -1 ? chunk.length : quote;
      const backslash = chunk.subarray(i, end).indexOf(0x5c);
      i = backslash === -1 ? end : i + backslash;
    }
  }
}
