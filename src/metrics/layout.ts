// Owns how numbers are kept: every metric has its cells in one array of numbers, whose layout is the same in all processes. Pure.

/** How a metric grows: a counter only up, a gauge both ways, a histogram counts values by size. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** How the values of several processes become one. */
export type Merge = 'sum' | 'max' | 'min';

/** A label and every value it can have. */
export interface Label {
  readonly name: string;
  readonly values: readonly string[];
}

/** One metric. */
export interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** At most three. */
  readonly labels: readonly Label[];
  readonly merge: Merge;
  /** Upper bounds, rising; empty unless it is a histogram. */
  readonly buckets: readonly number[];
  /** Index of its first cell. */
  readonly at: number;
  /** Cells of one combination of labels: 1, or for a histogram the buckets, the values above them, and the sum. */
  readonly width: number;
  /** Cells of all combinations. */
  readonly size: number;
}

/** Most labels of a metric. */
const MAX_LABELS = 3;

/** Metrics in the order of their cells. */
export class Layout {
  readonly metrics: Metric[] = [];
  /** Number of cells. */
  size = 0;

  counter(name: string, help: string, ...labels: Label[]): Metric {
    return this.define({ name, kind: 'counter', help, labels, merge: 'sum', buckets: [] });
  }

  gauge(name: string, help: string, merge: Merge, ...labels: Label[]): Metric {
    return this.define({ name, kind: 'gauge', help, labels, merge, buckets: [] });
  }

  histogram(name: string, help: string, buckets: readonly number[], ...labels: Label[]): Metric {
    return this.define({ name, kind: 'histogram', help, labels, merge: 'sum', buckets });
  }

  private define(given: Omit<Metric, 'at' | 'width' | 'size'>): Metric {
    const { name, labels, buckets } = given;
    if (labels.length > MAX_LABELS) throw new RangeError(`${name} has more than ${MAX_LABELS} labels`);
    const width = buckets.length === 0 ? 1 : buckets.length + 2;
    const combinations = labels.reduce((product, { values }) => product * values.length, 1);
    const metric: Metric = { ...given, at: this.size, width, size: width * combinations };
    this.metrics.push(metric);
    this.size += metric.size;
    return metric;
  }
}

/** The values of the labels of a combination, in the order of the labels. */
export function labelValues({ labels }: Metric, combination: number): string[] {
  let rest = combination;
  const found: string[] = [];
  for (const { values } of labels.toReversed()) {
    found.unshift(values[rest % values.length] ?? '');
    rest = Math.floor(rest / values.length);
  }
  return found;
}
