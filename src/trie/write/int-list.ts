/** A list of integers outside of the collector's heap, used again and again: a large transaction notes a million of them. */

const FIRST_WORDS = 1024;
/** What is kept for the next use. */
const KEPT_WORDS = 1 << 18;

export class IntList {
  words = new Int32Array(FIRST_WORDS);
  length = 0;

  push2(a: number, b: number): void {
    if (this.length + 2 > this.words.length) this.grow();
    this.words[this.length++] = a;
    this.words[this.length++] = b;
  }

  push4(a: number, b: number, c: number, d: number): void {
    this.push2(a, b);
    this.push2(c, d);
  }

  clear(): void {
    this.length = 0;
    if (this.words.length > KEPT_WORDS) this.words = new Int32Array(FIRST_WORDS);
  }

  private grow(): void {
    const more = new Int32Array(this.words.length * 2);
    more.set(this.words);
    this.words = more;
  }
}
