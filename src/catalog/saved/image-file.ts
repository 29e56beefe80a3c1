/**
 * The file of an image beside the saved view: what readers need to answer before the records are read. A cache only: it
 * is void unless what is saved is still exactly what it was made of.
 *
 * ```
 * podns-image\n       12 octets
 * length of the head  4 octets, little-endian
 * head                JSON: a form, the position in the saved view, and what its owner adds
 * parts               octets, as many as the head says
 * checksum            32 octets: SHA-256 of all before
 * ```
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open, rename, statfs, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkJournal, journalPath, writeOut } from './journal.ts';
import type { SavedHead } from './saved-lines.ts';
import { readHead } from './snapshot.ts';

/** Where in the saved view the image was made. */
export interface SavedPosition {
  /** Inode, size and times of the whole file: who writes it, changes them. */
  whole: string;
  /** Those that go on from it, with the end of the last batch of each. */
  journals: { number: number; inode: number; octets: number }[];
}

export interface ImageHead {
  /** Equal for all who can use the words: version, layout, settings. */
  form: string;
  position: SavedPosition;
  /** Octets of the parts together. */
  octets: number;
}

/** The file is not used; the message tells why. `isUsual`: as happens, and no sign of damage. */
export class ImageError extends Error {
  override name = 'ImageError';
  readonly isUsual: boolean;

  constructor(message: string, isUsual = false) {
    super(message);
    this.isUsual = isUsual;
  }
}

const MAGIC = Buffer.from('podns-image\n');
const PREFIX = MAGIC.length + 4;
const CHECKSUM = 32;
/** Octets of the head: some for each VPC. */
const HEAD_MAX = 256 << 20;
/** Octets that are read or written in one go: less than a millisecond of hashing. */
const PIECE = 512 << 10;
/** Octets that must stay free on the disk, for the saved view itself. */
const ROOM = 16 << 20;

export function imagePath(view: string): string {
  return `${view}.image`;
}

/** What tells one whole file from another. Throws the system's error. */
export function identityOf(path: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(':');
}

export function inodeOf(path: string): number {
  return statSync(path).ino;
}

/**
 * Writes the image in pieces, with pauses for the event loop, and puts it in the place of the old one. `goesOn`: asked after
 * each piece, and at last, whether the parts are still those of one moment; resolves with false once they are not. Rejects
 * with the system's error. Leaves the old file as it was in both cases.
 */
export async function writeImage(
  path: string,
  head: ImageHead,
  parts: readonly Uint8Array[],
  goesOn: () => boolean,
): Promise<boolean> {
  const text = Buffer.from(JSON.stringify(head));
  if (text.length > HEAD_MAX) throw new ImageError('it has too many VPCs');
  const { bavail, bsize } = await statfs(dirname(path));
  const size = PREFIX + text.length + head.octets + CHECKSUM;
  if (bavail * bsize < size + ROOM) throw new ImageError(`no room for its ${size >> 20} MiB`);
  const prefix = Buffer.alloc(PREFIX);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(text.length, MAGIC.length);
  const temporary = `${path}.tmp`;
  await unlink(temporary).catch(() => undefined);
  const file = await open(temporary, 'wx', 0o600);
  const hash = createHash('sha256');
  let at = 0;
  let isWhole = false;
  try {
    try {
      const piece = Buffer.alloc(PIECE);
      for (const part of [prefix, text, ...parts]) {
        for (let done = 0; done < part.length; done += PIECE) {
          // Copied, checked, written: what is written is what the moment holds.
          const octets = piece.subarray(0, Math.min(PIECE, part.length - done));
          octets.set(part.subarray(done, done + octets.length));
          if (!goesOn()) return false;
          hash.update(octets);
          at = await writeOut(file, octets, at);
        }
      }
      await writeOut(file, hash.digest(), at);
      isWhole = goesOn();
    } finally {
      await file.close();
    }
    if (isWhole) await rename(temporary, path);
    return isWhole;
  } finally {
    if (!isWhole) await unlink(temporary).catch(() => undefined);
  }
}

/**
 * Reads an image of this form into the places that `placesOf` gives for its head; it may reject. Undefined where there is
 * no file. Rejects with ImageError where anything is wrong with it; the places then hold anything.
 */
export async function readImage<Head extends ImageHead>(
  path: string,
  form: string,
  placesOf: (head: Head) => Promise<readonly Uint8Array[]>,
): Promise<Head | undefined> {
  let fd: number;
  try {
    // No link and no pipe is what podns has written.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ImageError(message);
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw new ImageError('it is not a file');
    const hash = createHash('sha256');
    let at = 0;
    const fill = (into: Uint8Array): void => {
      for (let done = 0; done < into.length;) {
        const octets = into.subarray(done, done + PIECE);
        const count = readSync(fd, octets, 0, octets.length, at);
        if (count === 0) throw new ImageError('it ends too early');
        hash.update(octets.subarray(0, count));
        at += count;
        done += count;
      }
    };
    const prefix = Buffer.alloc(PREFIX);
    fill(prefix);
    if (!prefix.subarray(0, MAGIC.length).equals(MAGIC)) throw new ImageError('it is no image');
    const length = prefix.readUInt32LE(MAGIC.length);
    if (length > HEAD_MAX || length > info.size) throw new ImageError('its head is too long');
    const text = Buffer.alloc(length);
    fill(text);
    const head = parseHead(text) as Head;
    if (head.form !== form)
      throw new ImageError('it was made by another version of podns, or with other settings', true);
    if (info.size !== PREFIX + length + head.octets + CHECKSUM)
      throw new ImageError('it has another length than it says');
    const places = await placesOf(head);
    if (places.reduce((sum, place) => sum + place.length, 0) !== head.octets)
      throw new ImageError('its parts have another length than it says');
    for (const place of places) fill(place);
    const digest = hash.digest();
    const checksum = Buffer.alloc(CHECKSUM);
    if (readSync(fd, checksum, 0, CHECKSUM, at) !== CHECKSUM || !checksum.equals(digest))
      throw new ImageError('wrong checksum');
    return head;
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(error instanceof Error ? error.message : String(error));
  } finally {
    closeSync(fd);
  }
}

function parseHead(text: Buffer): ImageHead {
  const head = JSON.parse(text.toString()) as Partial<ImageHead> | null;
  const position = head?.position;
  if (
    typeof head?.form !== 'string' ||
    !Number.isSafeInteger(head.octets) ||
    head.octets! < 0 ||
    typeof position?.whole !== 'string' ||
    !Array.isArray(position.journals)
  )
    throw new ImageError('it has no head');
  return head as ImageHead;
}

/**
 * What is saved of the sources, where nothing of a record has been saved since that position. Throws ImageError where the
 * saved view is another one, goes on, or is damaged.
 */
export async function headAt(path: string, { whole, journals }: SavedPosition): Promise<SavedHead> {
  let file;
  try {
    if (identityOf(path) !== whole) throw new ImageError('the saved view is another one', true);
    file = await open(path, 'r');
    const first = await readHead(file);
    if (!first.aged) throw new ImageError('the saved view is of an older podns', true);
    let head: SavedHead = first;
    let count = 0;
    for (let number = first.journal; number !== undefined; number++) {
      const read = await checkJournal(path, number, head.saved);
      if (read === undefined) break;
      if (read.damage !== undefined) throw new ImageError(`the saved view is damaged: ${read.damage}`);
      const known = journals[count++];
      const isSame =
        known === undefined
          ? read.recordsUntil === 0
          : known.number === number &&
            known.inode === inodeOf(journalPath(path, number)) &&
            read.octets >= known.octets &&
            read.recordsUntil <= known.octets;
      if (!isSame) throw new ImageError('records have been saved since', true);
      head = read.head ?? head;
    }
    if (count < journals.length) throw new ImageError('a journal of the saved view is missing');
    return head;
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(`the saved view cannot be read: ${(error as Error).message}`, true);
  } finally {
    await file?.close();
  }
}
