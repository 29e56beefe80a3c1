/**
 * The flat memory as one thread maps it, and the copy of its tables that this thread reads.
 *
 * A worker calls `enter()` before a batch and `leave()` after it; meanwhile the writer does not touch the copy in use.
 * On the writer's own thread, `refresh()` before each read is enough, because a transaction never changes the active
 * copy. References stay valid until the next `leave` or `refresh`.
 */
import * as layout from '../layout.ts';
import type { TrieMemory } from '../memory.ts';

/** Hashes have 31 bits. */
export const HASH_RANGE = 0x80000000;

export class LeftRight {
  readonly head: Int32Array;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Of the copy in use, like all that follows. */
  vpcRoot = 0;
  specialRoot = 0;
  outsideRoot = 0;
  /** The copy in use. */
  copy = 0;
  /** HEAD_SYNC and HEAD_IPV4_BLIND as they were at the flip of the copy in use, or before it. */
  sync = layout.SYNC_STARTING;
  isIpv4Blind = false;
  generation = 0;
  /**
   * Members, attachments and ports read since `enter` or `refresh`; every loop over many of them counts them here.
   */
  steps = 0;

  names: Int32Array;
  addresses: Int32Array;
  nameCapacity = 0;
  addressCapacity = 0;
  nameScale = 0;
  addressScale = 0;

  private readonly nameCopies: [Int32Array, Int32Array];
  private readonly addressCopies: [Int32Array, Int32Array];
  private readonly announcement: number;

  /** `reader`: this reader's number among READERS_MAX, or -1 on the writer's thread. */
  constructor(memory: TrieMemory, reader: number) {
    this.head = new Int32Array(memory.head);
    this.words = new Int32Array(memory.arena);
    this.bytes = new Uint8Array(memory.arena);
    this.nameCopies = [new Int32Array(memory.names[0]), new Int32Array(memory.names[1])];
    this.addressCopies = [new Int32Array(memory.addresses[0]), new Int32Array(memory.addresses[1])];
    this.names = this.nameCopies[0];
    this.addresses = this.addressCopies[0];
    this.announcement = layout.HEAD_READERS + reader * layout.READER_STRIDE;
    this.refresh();
  }

  /** Announces the copy that is about to be read, and pins it. */
  enter(): void {
    const head = this.head;
    // Before the copy is chosen: the writer changes these words after the flip, so they are never ahead of the copy.
    this.readState();
    let active = Atomics.load(head, layout.HEAD_ACTIVE);
    for (;;) {
      Atomics.store(head, this.announcement, active + 1);
      const again = Atomics.load(head, layout.HEAD_ACTIVE);
      if (again === active) break;
      active = again;
    }
    this.steps = 0;
    this.use(active);
  }

  /** Lets the writer change the copy. */
  leave(): void {
    const most = this.announcement + layout.READER_STEPS;
    if (this.steps > this.head[most]) this.head[most] = this.steps;
    Atomics.store(this.head, this.announcement, 0);
  }

  /** Reads the active copy from now on; for the writer's own thread. */
  refresh(): void {
    this.readState();
    this.steps = 0;
    this.use(this.head[layout.HEAD_ACTIVE]);
  }

  private readState(): void {
    this.sync = Atomics.load(this.head, layout.HEAD_SYNC);
    this.isIpv4Blind = Atomics.load(this.head, layout.HEAD_IPV4_BLIND) === 1;
  }

  /** Reads this copy from now on; the writer reads its idle one. */
  use(copy: number): void {
    const head = this.head;
    // The writer grows the generation before it flips: the number of the copy tells the two moments apart.
    this.generation = (head[layout.HEAD_GENERATION] << 1) | copy;
    this.copy = copy;
    this.vpcRoot = head[layout.HEAD_VPC_ROOT + copy];
    this.specialRoot = head[layout.HEAD_SPECIAL_ROOT + copy];
    this.outsideRoot = head[layout.HEAD_OUTSIDE_ROOT + copy];
    this.names = this.nameCopies[copy];
    this.addresses = this.addressCopies[copy];
    this.nameCapacity = head[layout.HEAD_NAME_CAPACITY + copy];
    this.addressCapacity = head[layout.HEAD_ADDRESS_CAPACITY + copy];
    this.nameScale = this.nameCapacity / HASH_RANGE;
    this.addressScale = this.addressCapacity / HASH_RANGE;
  }
}
