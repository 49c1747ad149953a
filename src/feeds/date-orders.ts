// Owns which order day, month and a short year have in each column of a file: what its values say together. Pure.
import { orderIn } from './times.ts';
import type { DayOrder } from './times.ts';

/** Collects what the values of each column say. */
export class DateOrders {
  private readonly said = new Map<string, Set<DayOrder>>();

  /** One value of a column. */
  observe(column: string, written: string): void {
    const order = orderIn(written);
    if (order === null) return;
    const orders = this.said.get(column);
    if (orders === undefined) this.said.set(column, new Set([order]));
    else orders.add(order);
  }

  /**
   * The order in a column. A column without such a value takes the order of the others, if they agree: one program wrote the file.
   * null = not known; a column with both orders is not known either. Where the year comes first, dates that seem to begin with the day do not.
   */
  order(column: string): DayOrder | null {
    const own = this.said.get(column);
    const orders = own ?? new Set([...this.said.values()].flatMap((others) => [...others]));
    if (orders.has('yearFirst')) return 'yearFirst';
    const [only] = orders;
    return orders.size === 1 && only !== undefined ? only : null;
  }
}
