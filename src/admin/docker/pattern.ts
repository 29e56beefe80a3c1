/**
 * Regular expressions of Docker's filters: Go's, as far as names need them. A match takes time that grows with the
 * pattern times the text, whatever they are: a client's pattern must not hold up the thread that answers pods.
 */

type Instruction =
  | { op: 'take'; set: Uint8Array }
  | { op: 'split'; to: number; or: number }
  | { op: 'jump'; to: number }
  | { op: 'start' }
  | { op: 'end' }
  | { op: 'match' };

type Tree =
  | { is: 'set'; set: Uint8Array }
  | { is: 'start' | 'end' }
  | { is: 'all'; parts: Tree[] }
  | { is: 'one'; parts: Tree[] }
  | { is: 'repeat'; part: Tree; least: number; most: number };

/** Codes below this have a place of their own in a set; all others share the place after them. */
const CODES = 128;
const PATTERN_MAX = 256;
/** Instructions of all patterns of a request: what one text costs at most, which is not left half-way. */
export const PROGRAM_MAX = 512;
const REPEAT_MAX = 1000;
/** Instructions that cost about as much as reading one resource. */
const UNIT = 1024;

/** Why a pattern cannot be used. */
export class PatternError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'PatternError';
  }
}

export class Pattern {
  private readonly program: Instruction[] = [];
  private readonly marks: Uint32Array;
  private mark = 0;
  private emitted = 0;

  /** Throws PatternError. */
  constructor(text: string) {
    if (text.length > PATTERN_MAX) throw new PatternError(`it is longer than ${PATTERN_MAX} characters`);
    this.emit(new Parser(text).parse());
    this.push({ op: 'match' });
    this.marks = new Uint32Array(this.program.length);
  }

  /** In instructions. */
  get size(): number {
    return this.program.length;
  }

  /** What a match against so long a text costs at most, in resources read. */
  cost(length: number): number {
    return Math.ceil((this.program.length * (length + 1)) / UNIT);
  }

  /** Whether it is found anywhere in the text. */
  test(text: string): boolean {
    let active: number[] = [];
    for (let at = 0; at <= text.length; at++) {
      this.mark++;
      const here: number[] = [];
      for (const state of active) if (this.follow(state, at, text.length, here)) return true;
      // A match may begin anywhere.
      if (this.follow(0, at, text.length, here)) return true;
      if (at === text.length) return false;
      const code = Math.min(text.charCodeAt(at), CODES);
      active = [];
      for (const state of here) {
        const instruction = this.program[state]!;
        if (instruction.op === 'take' && instruction.set[code] === 1) active.push(state + 1);
      }
    }
    return false;
  }

  /** Collects the states that take a character and can be reached from one; true where the match is reached. */
  private follow(from: number, at: number, length: number, into: number[]): boolean {
    const open = [from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (this.marks[state] === this.mark) continue;
      this.marks[state] = this.mark;
      const instruction = this.program[state]!;
      if (instruction.op === 'match') return true;
      if (instruction.op === 'take') into.push(state);
      else if (instruction.op === 'jump') open.push(instruction.to);
      else if (instruction.op === 'split') open.push(instruction.to, instruction.or);
      else if (instruction.op === 'start' ? at === 0 : at === length) open.push(state + 1);
    }
    return false;
  }

  private push(instruction: Instruction): number {
    if (this.program.length >= PROGRAM_MAX) throw new PatternError('it is too large');
    return this.program.push(instruction) - 1;
  }

  private emit(tree: Tree): void {
    // Repetitions of nothing make no program, however long they take.
    if (++this.emitted > 4 * PROGRAM_MAX) throw new PatternError('it is too large');
    switch (tree.is) {
      case 'set':
        this.push({ op: 'take', set: tree.set });
        return;
      case 'start':
      case 'end':
        this.push({ op: tree.is });
        return;
      case 'all':
        for (const part of tree.parts) this.emit(part);
        return;
      case 'one':
        this.emitOne(tree.parts);
        return;
      case 'repeat':
        this.emitRepeat(tree.part, tree.least, tree.most);
    }
  }

  private emitOne(parts: readonly Tree[]): void {
    const ends: { op: 'jump'; to: number }[] = [];
    parts.forEach((part, i) => {
      if (i === parts.length - 1) return this.emit(part);
      const split = { op: 'split' as const, to: this.program.length + 1, or: 0 };
      this.push(split);
      this.emit(part);
      const end = { op: 'jump' as const, to: 0 };
      this.push(end);
      ends.push(end);
      split.or = this.program.length;
    });
    for (const end of ends) end.to = this.program.length;
  }

  private emitRepeat(part: Tree, least: number, most: number): void {
    for (let i = 0; i < least; i++) this.emit(part);
    if (most === Infinity) {
      const split = { op: 'split' as const, to: this.program.length + 1, or: 0 };
      const start = this.push(split);
      this.emit(part);
      this.push({ op: 'jump', to: start });
      split.or = this.program.length;
      return;
    }
    const splits = [];
    for (let i = least; i < most; i++) {
      const split = { op: 'split' as const, to: this.program.length + 1, or: 0 };
      this.push(split);
      splits.push(split);
      this.emit(part);
    }
    for (const split of splits) split.or = this.program.length;
  }
}

const CLASSES: Record<string, [string, string][]> = {
  d: [['0', '9']],
  w: [
    ['0', '9'],
    ['A', 'Z'],
    ['_', '_'],
    ['a', 'z'],
  ],
  s: [
    ['\t', '\n'],
    ['\f', '\r'],
    [' ', ' '],
  ],
};

class Parser {
  private readonly text: string;
  private at = 0;
  private folds = false;

  constructor(text: string) {
    this.text = text;
  }

  parse(): Tree {
    if (this.text.startsWith('(?i)')) {
      this.folds = true;
      this.at = 4;
    }
    const tree = this.alternatives();
    if (this.at < this.text.length) throw new PatternError('a ) without its (');
    return tree;
  }

  private alternatives(): Tree {
    const parts = [this.sequence()];
    while (this.skip('|')) parts.push(this.sequence());
    return parts.length === 1 ? parts[0]! : { is: 'one', parts };
  }

  private sequence(): Tree {
    const parts: Tree[] = [];
    while (this.at < this.text.length && !'|)'.includes(this.text[this.at]!)) parts.push(this.repeated());
    return { is: 'all', parts };
  }

  private repeated(): Tree {
    let part = this.atom();
    for (let times = 0; ; times++) {
      const [least, most] = this.quantifier() ?? [-1, -1];
      if (least < 0) return part;
      if (times > 0) throw new PatternError('a repetition of a repetition');
      // How much is taken does not matter where only the match counts.
      this.skip('?');
      part = { is: 'repeat', part, least, most };
    }
  }

  private quantifier(): [number, number] | undefined {
    if (this.skip('*')) return [0, Infinity];
    if (this.skip('+')) return [1, Infinity];
    if (this.skip('?')) return [0, 1];
    const counted = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.text.slice(this.at, this.at + 12));
    if (counted === null) return undefined;
    this.at += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : Number(counted[3] ?? Infinity);
    if (least > REPEAT_MAX || (most !== Infinity && most > REPEAT_MAX) || most < least)
      throw new PatternError(`the repetition ${counted[0]}`);
    return [least, most];
  }

  private atom(): Tree {
    const character = this.text[this.at++]!;
    if (character === '(') return this.group();
    if (character === '[') return { is: 'set', set: this.brackets() };
    if (character === '^') return { is: 'start' };
    if (character === '$') return { is: 'end' };
    if (character === '.') return { is: 'set', set: new Uint8Array(CODES + 1).fill(1) };
    if ('*+?'.includes(character)) throw new PatternError(`${character} without what it repeats`);
    return { is: 'set', set: character === '\\' ? this.escaped() : this.setOf([[character, character]]) };
  }

  private group(): Tree {
    if (this.skip('?') && !this.skip(':')) throw new PatternError('a group that begins with (?');
    const tree = this.alternatives();
    if (!this.skip(')')) throw new PatternError('a ( without its )');
    return tree;
  }

  /** After a backslash. */
  private escaped(): Uint8Array {
    const character = this.text[this.at++];
    if (character === undefined) throw new PatternError('a \\ at its end');
    const ranges = CLASSES[character.toLowerCase()];
    if (ranges !== undefined) {
      const set = this.setOf(ranges);
      return character === character.toLowerCase() ? set : inverse(set);
    }
    if (/[A-Za-z0-9]/.test(character)) throw new PatternError(`\\${character}`);
    return this.setOf([[character, character]]);
  }

  /** After a [. */
  private brackets(): Uint8Array {
    const negated = this.skip('^');
    const set = new Uint8Array(CODES + 1);
    for (let first = true; first || this.text[this.at] !== ']'; first = false) {
      const character = this.text[this.at++];
      if (character === undefined) throw new PatternError('a [ without its ]');
      let part: Uint8Array;
      if (character === '\\') part = this.escaped();
      else if (this.text[this.at] === '-' && (this.text[this.at + 1] ?? ']') !== ']') {
        const last = this.text[this.at + 1]!;
        this.at += 2;
        if (last < character) throw new PatternError(`the range ${character}-${last}`);
        part = this.setOf([[character, last]]);
      } else part = this.setOf([[character, character]]);
      part.forEach((is, code) => (set[code] ||= is));
    }
    this.at++;
    return negated ? inverse(set) : set;
  }

  private setOf(ranges: readonly [string, string][]): Uint8Array {
    const set = new Uint8Array(CODES + 1);
    for (const [first, last] of ranges) {
      for (let code = first.charCodeAt(0); code <= Math.min(last.charCodeAt(0), CODES); code++) {
        set[code] = 1;
        if (!this.folds || code === CODES) continue;
        const character = String.fromCharCode(code);
        set[character.toLowerCase().charCodeAt(0)] = 1;
        set[character.toUpperCase().charCodeAt(0)] = 1;
      }
    }
    return set;
  }

  private skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }
}

function inverse(set: Uint8Array): Uint8Array {
  return set.map((is) => 1 - is);
}
