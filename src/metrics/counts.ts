// Owns the numbers of one process: counting, and the sums over processes. Pure.
import { LAYOUT } from './definitions.ts';
import type { Metric } from './layout.ts';

/** The cells of one process. Gauges begin as NaN: not measured by this process. */
export function newCells(): Float64Array {
  const cells = new Float64Array(LAYOUT.size);
  for (const { kind, at, size } of LAYOUT.metrics) if (kind === 'gauge') cells.fill(NaN, at, at + size);
  return cells;
}

/** The counters of a process. Hot path: nothing here allocates. */
export class Counts {
  readonly cells: Float64Array = newCells();

  /** Adds to a counter; `combination` is the place of its labels. */
  add(metric: Metric, combination = 0, by = 1): void {
    (this.cells[metric.at + combination] as number) += by;
  }

  /** Sets a gauge, or a counter that something else counts. */
  set(metric: Metric, value: number, combination = 0): void {
    this.cells[metric.at + combination] = value;
  }

  /** Counts a value of a histogram. */
  observe(metric: Metric, value: number, combination = 0): void {
    const { buckets, at, width } = metric;
    const first = at + combination * width;
    let bucket = 0;
    while (bucket < buckets.length && value > (buckets[bucket] as number)) bucket++;
    (this.cells[first + bucket] as number)++;
    (this.cells[first + width - 1] as number) += value;
  }
}

/** Adds the counters and histograms of a process to those of others; gauges stay. */
export function addCounters(into: Float64Array, from: Float64Array): void {
  for (const { kind, at, size } of LAYOUT.metrics) {
    if (kind === 'gauge') continue;
    for (let cell = at; cell < at + size; cell++) (into[cell] as number) += from[cell] ?? 0;
  }
}

/** Merges the gauges of a process with those of others, each in its way; one that was not measured changes nothing. */
export function mergeGauges(into: Float64Array, from: Float64Array): void {
  for (const { kind, merge, at, size } of LAYOUT.metrics) {
    if (kind !== 'gauge') continue;
    for (let cell = at; cell < at + size; cell++) {
      const [before, value] = [into[cell] ?? NaN, from[cell] ?? NaN];
      if (Number.isNaN(value)) continue;
      if (Number.isNaN(before)) into[cell] = value;
      else if (merge === 'sum') into[cell] = before + value;
      else into[cell] = merge === 'max' ? Math.max(before, value) : Math.min(before, value);
    }
  }
}

/** Cells as a text for a message between processes, with their layout. */
export function packCells(cells: Float64Array): string {
  return `${LAYOUT_MARK}:${Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength).toString('base64')}`;
}

/** Null = the text has another layout: it is from another version of the program. */
export function unpackCells(text: string): Float64Array | null {
  if (!text.startsWith(`${LAYOUT_MARK}:`)) return null;
  const bytes = Buffer.from(text.slice(LAYOUT_MARK.length + 1), 'base64');
  if (bytes.length !== LAYOUT.size * Float64Array.BYTES_PER_ELEMENT) return null;
  const cells = new Float64Array(LAYOUT.size);
  new Uint8Array(cells.buffer).set(bytes);
  return cells;
}

/** Changes with the layout: a checksum (FNV-1a) of names, labels and buckets. */
const LAYOUT_MARK = layoutMark();

function layoutMark(): string {
  const text = JSON.stringify(LAYOUT.metrics.map(({ help: _help, ...metric }) => metric));
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16);
}
