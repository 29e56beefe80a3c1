export interface Question {
  packet: Uint8Array;
  /** Of the listener that is asked, and who asks. */
  vpc: string;
  namespace: string;
  address: Uint8Array;
}

/** The part of a responder that is asked. */
export interface Answers {
  answer(packet: Uint8Array, start: number, end: number, peer: unknown, out: Uint8Array, at: number): number;
}

/** Puts all questions, once each. */
export class Asker {
  /** Of the answers to all of them; two words of what each said, in order. */
  readonly digest: Int32Array;
  constructor(questions: readonly Question[]);
  ask(answers: Answers): void;
}
