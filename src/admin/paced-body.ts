/** A response body that is made piece by piece, as fast as it is read, so that other work runs between pieces. */
import { Readable } from 'node:stream';

/**
 * Makes the first piece at once, because it fixes the state that the others show. An empty piece only lets other
 * work run. An error of the iterator cuts the body short.
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
