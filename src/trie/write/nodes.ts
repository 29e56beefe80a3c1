/** Nodes and edges of the trie: made on the way to a name, removed when they have neither children nor a payload. */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { labelLength, nodeKind, nodeWords } from '../record.ts';
import type { Tables } from './tables.ts';

const scratch = new Uint8Array(256);

/** Writes one ASCII label with its length octet to the shared scratch, and returns that. */
function labelOctets(text: string, from: number, to: number): Uint8Array {
  scratch[0] = to - from;
  for (let i = from; i < to; i++) scratch[i - from + 1] = text.charCodeAt(i);
  return scratch;
}

export class Nodes {
  private readonly tables: Tables;
  private readonly arena: Arena;
  private readonly bytes: Uint8Array;
  /** The node that was found or made last, and its hash: most often it is needed next. */
  private lastNode = 0;
  private lastHash = 0;
  /** The name whose node was found or made last, and the root below which it is. */
  private lastName = '';
  private lastRoot = 0;
  private lastPath = 0;

  constructor(tables: Tables, arena: Arena) {
    this.tables = tables;
    this.arena = arena;
    this.bytes = new Uint8Array(arena.words.buffer);
  }

  /** A node without an edge to it: the root of a tree. */
  root(): number {
    const node = this.arena.allocate(layout.NODE_LABEL);
    this.arena.words.fill(0, node, node + layout.NODE_LABEL);
    return node;
  }

  /** The child along one label. Makes it if there is none, without a payload. */
  ensureChild(parent: number, label: string, kind = layout.NODE_PLAIN, vpc = 0): number {
    return this.ensureLabel(parent, label, 0, label.length, kind, vpc);
  }

  /** The node of a dotted name below `root`, rightmost label first; 0 when it is not there. */
  findPath(root: number, name: string): number {
    if (root === this.lastRoot && name === this.lastName) return this.lastPath;
    const view = this.tables.idle;
    let node = root;
    let end = name.length;
    while (end > 0) {
      const dot = name.lastIndexOf('.', end - 1);
      const label = labelOctets(name, dot + 1, end);
      const hash = view.hashLabel(node, label, 0);
      if (!view.stepHashed(node, label, 0, hash)) return 0;
      this.lastNode = node = view.node;
      this.lastHash = hash;
      end = dot;
    }
    return this.remember(root, name, node);
  }

  /** The same node. Makes it if there is none. */
  ensurePath(root: number, name: string): number {
    if (root === this.lastRoot && name === this.lastName) return this.lastPath;
    let node = root;
    let end = name.length;
    while (end > 0) {
      const dot = name.lastIndexOf('.', end - 1);
      node = this.ensureLabel(node, name, dot + 1, end, layout.NODE_PLAIN, 0);
      end = dot;
    }
    return this.remember(root, name, node);
  }

  private remember(root: number, name: string, node: number): number {
    this.lastRoot = root;
    this.lastName = name;
    this.lastPath = node;
    return node;
  }

  private ensureLabel(
    parent: number,
    text: string,
    from: number,
    to: number,
    kind: number,
    vpc: number,
  ): number {
    const view = this.tables.idle;
    const label = labelOctets(text, from, to);
    const hash = view.hashLabel(parent, label, 0);
    if (view.stepHashed(parent, label, 0, hash)) {
      this.lastNode = view.node;
      this.lastHash = hash;
      return view.node;
    }
    const { words } = this.arena;
    const length = to - from;
    const size = nodeWords(length, kind);
    const node = this.arena.allocate(size);
    words[node + layout.NODE_PARENT] = parent;
    words[node + layout.NODE_CHILDREN] = 0;
    words[node + layout.NODE_META] = length | (kind << 8);
    const at = (node + layout.NODE_LABEL) * 4;
    words[node + layout.NODE_LABEL + ((length - 1) >>> 2)] = 0;
    for (let i = 0; i < length; i++) this.bytes[at + i] = label[i + 1];
    if (kind === layout.NODE_NAMESPACE) words[node + size - 1] = vpc;
    words[parent + layout.NODE_CHILDREN]++;
    this.tables.putName(hash, node, 0);
    this.lastNode = node;
    this.lastHash = hash;
    return node;
  }

  payload(node: number): number {
    return this.tables.idle.payloadHashed(node, this.hashOf(node));
  }

  setPayload(node: number, payload: number): void {
    this.tables.setName(this.hashOf(node), node, payload);
  }

  parent(node: number): number {
    return this.arena.words[node + layout.NODE_PARENT];
  }

  children(node: number): number {
    return this.arena.words[node + layout.NODE_CHILDREN];
  }

  /** Removes the node and its ancestors below `stop`, as long as they have neither children nor a payload. */
  prune(node: number, stop: number): void {
    const { words } = this.arena;
    while (node !== stop && words[node + layout.NODE_CHILDREN] === 0 && this.payload(node) === 0) {
      const parent = words[node + layout.NODE_PARENT];
      this.lastRoot = 0;
      this.tables.deleteName(this.hashOf(node), node);
      this.tables.release(node, nodeWords(labelLength(words, node), nodeKind(words, node)));
      words[parent + layout.NODE_CHILDREN]--;
      node = parent;
    }
  }

  /** The dotted name of a node below `root`. */
  pathText(node: number, root: number): string {
    const view = this.tables.idle;
    let text = view.labelText(node);
    for (let up = this.parent(node); up !== root; up = this.parent(up)) text += '.' + view.labelText(up);
    return text;
  }

  private hashOf(node: number): number {
    if (node === this.lastNode) return this.lastHash;
    const { words } = this.arena;
    const length = labelLength(words, node);
    scratch[0] = length;
    const at = (node + layout.NODE_LABEL) * 4;
    for (let i = 0; i < length; i++) scratch[i + 1] = this.bytes[at + i];
    this.lastHash = this.tables.idle.hashLabel(words[node + layout.NODE_PARENT], scratch, 0);
    this.lastNode = node;
    return this.lastHash;
  }
}
