/** A link of an OrderedList; the list is threaded through the nodes themselves. */
export interface Linked<N> {
  previous: N | undefined;
  next: N | undefined;
}

/** Doubly linked list: appending, and removing any node, cost the same however long it is. */
export class OrderedList<N extends Linked<N>> {
  head: N | undefined;
  tail: N | undefined;
  size = 0;

  append(node: N): void {
    node.previous = this.tail;
    node.next = undefined;
    if (this.tail) this.tail.next = node;
    else this.head = node;
    this.tail = node;
    this.size++;
  }

  remove(node: N): void {
    if (node.previous) node.previous.next = node.next;
    else this.head = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.tail = node.previous;
    node.previous = undefined;
    node.next = undefined;
    this.size--;
  }
}
