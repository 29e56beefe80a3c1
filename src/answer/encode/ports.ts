/** Who among the owners of a name has the port that a question names. */
import type { Query } from '../../dns/query.ts';
import type { View } from '../../trie/read/view.ts';
import { Members } from './members.ts';
import type { Judge } from './members.ts';
import { portOf } from './record-access.ts';

const NO_QUERY = {} as Query;

export class PortHolders implements Judge {
  private readonly view: View;
  private readonly members: Members;
  private query = NO_QUERY;
  private label = 0;
  private protocol = 0;

  constructor(view: View) {
    this.view = view;
    this.members = new Members(view, this);
  }

  /** More pods and services bear the name than could be checked. */
  get cut(): boolean {
    return this.members.cut;
  }

  /** True when some owner has a port of this protocol with the name in that label (-1: any name). */
  any(record: number, query: Query, label: number, protocol: number): boolean {
    this.query = query;
    this.label = label;
    this.protocol = protocol;
    return this.members.any(record);
  }

  /** Then `next` gives those that have it, beginning with one that the message id chooses. */
  begin(record: number, query: Query, label: number, protocol: number, steps: number): void {
    this.query = query;
    this.label = label;
    this.protocol = protocol;
    this.members.begin(record, query.id, steps);
  }

  /** 0 after the last. */
  next(): number {
    return this.members.next();
  }

  accepts(member: number): boolean {
    return portOf(this.view, member, this.query, this.label, this.protocol) !== 0;
  }
}
