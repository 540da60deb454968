// The order of the table's rows. A hundred thousand of them are sorted while a finger is still on
// the key: each column is turned into ranks once, and then numbers are sorted, which the browser
// does natively.
import type { Report } from './report';

export interface Order {
  column: string; // empty: what blocks first, then by number
  descending: boolean;
}

export const BLOCKING_FIRST: Order = { column: '', descending: false };

/** The place of each row's key among the distinct ones. */
function ranksOf(keys: (number | string)[]): Uint32Array {
  const distinct = [...new Set(keys)];
  // All of one type. Texts by their code units: the same everywhere, and fast.
  distinct.sort((a, b) => (a < b ? -1 : 1));
  const rank = new Map(distinct.map((key, i) => [key, i]));
  return Uint32Array.from(keys, (key) => rank.get(key)!);
}

export class Sorter {
  private readonly ranks = new Map<string, Uint32Array>();
  /** Rows in the order that is there unasked; what is equal by another order is in this one. */
  private readonly first: Uint32Array;

  constructor(
    private readonly report: Report,
    private readonly keys: ReadonlyMap<string, (row: number) => number | string>,
  ) {
    const rows = Array.from({ length: report.size }, (_, row) => row);
    // Descriptors come by number.
    this.first = Uint32Array.from([
      ...rows.filter((row) => report.isBlocking(row)),
      ...rows.filter((row) => !report.isBlocking(row)),
    ]);
  }

  /** The rows that are `shown`, in an order. */
  sort(order: Order, shown: Uint8Array): Uint32Array {
    const key = this.keys.get(order.column);
    if (key === undefined) return this.first.filter((row) => shown[row] === 1);
    let ranks = this.ranks.get(order.column);
    if (ranks === undefined) {
      ranks = ranksOf(Array.from({ length: this.report.size }, (_, row) => key(row)));
      this.ranks.set(order.column, ranks);
    }
    // Rank and place in one number: exact up to 2^53, and both are below 2^26.
    const { size } = this.report;
    const numbers = new Float64Array(size);
    let count = 0;
    this.first.forEach((row, place) => {
      if (shown[row] !== 1) return;
      const rank = order.descending ? size - ranks[row] : ranks[row];
      numbers[count++] = rank * size + place;
    });
    return Uint32Array.from(
      numbers.subarray(0, count).sort(),
      (number) => this.first[number % size],
    );
  }
}
