/** A response body that is made piece by piece, each in a turn of its own, as fast as it is read. */
import { Readable } from 'node:stream';

/**
 * The first piece is made at once: it fixes what the others are of. After an empty piece others have their turn.
 * Ends with an error, and so without the end of its body, where the pieces do.
 */
export class PacedBody extends Readable {
  private readonly pieces: Iterator<string, void>;
  private first: IteratorResult<string, void> | undefined;

  constructor(pieces: Iterator<string, void>) {
    super({ highWaterMark: 64 * 1024 });
    this.pieces = pieces;
    this.first = pieces.next();
  }

  override _read(): void {
    setImmediate(() => this.make());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.pieces.return?.();
    done(error);
  }

  private make(): void {
    if (this.destroyed) return;
    let step: IteratorResult<string, void>;
    try {
      step = this.first ?? this.pieces.next();
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.first = undefined;
    if (step.done === true) this.push(null);
    else if (step.value === '') this._read();
    else this.push(step.value);
  }
}
