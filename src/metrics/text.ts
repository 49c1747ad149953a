// Owns the text form of the metrics, as Prometheus reads it (text format 0.0.4). Pure.
import { LAYOUT, NAMED_METRICS } from './definitions.ts';
import { labelValues } from './layout.ts';
import type { Metric } from './layout.ts';

/** The media type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A feed of this gateway. */
export interface FeedSample {
  readonly name: string;
  /** Milliseconds since the epoch; null = never. */
  readonly lastSuccessAt: number | null;
  readonly stale: boolean;
  readonly failures: number;
  readonly held: boolean;
}

/** Everything that is shown at one moment. */
export interface MetricsSnapshot {
  /** The sums over all processes. */
  readonly cells: Float64Array;
  /** Versions of easgate and of Node.js. */
  readonly version: string;
  readonly node: string;
  /** Empty unless the control process of this gateway leads. */
  readonly feeds: readonly FeedSample[];
}

/**
 * The metrics as text. Gauges that were not measured are left out. Of metrics with several labels, combinations that never
 * occurred are left out.
 */
export function writeMetrics({ cells, version, node, feeds }: MetricsSnapshot): string {
  const lines: string[] = [];
  for (const metric of LAYOUT.metrics) {
    const samples = samplesOf(metric, cells);
    if (samples.length === 0) continue;
    lines.push(...heading(metric), ...samples);
  }
  const { buildInfo, feedSuccess, feedStale, feedFailures, feedHeld } = NAMED_METRICS;
  lines.push(...heading(buildInfo), sample(buildInfo.name, buildInfo.labels, [version, node], 1));
  const ofFeeds = (metric: NamedMetric, value: (feed: FeedSample) => number | null): void => {
    const samples = feeds.flatMap((feed) => {
      const number = value(feed);
      return number === null ? [] : [sample(metric.name, metric.labels, [feed.name], number)];
    });
    if (samples.length > 0) lines.push(...heading(metric), ...samples);
  };
  ofFeeds(feedSuccess, ({ lastSuccessAt }) => (lastSuccessAt === null ? null : lastSuccessAt / 1_000));
  ofFeeds(feedStale, ({ stale }) => Number(stale));
  ofFeeds(feedFailures, ({ failures }) => failures);
  ofFeeds(feedHeld, ({ held }) => Number(held));
  return `${lines.join('\n')}\n`;
}

type NamedMetric = (typeof NAMED_METRICS)[keyof typeof NAMED_METRICS];

function heading({ name, help, kind }: Pick<Metric, 'name' | 'help' | 'kind'>): string[] {
  return [`# HELP ${name} ${help.replaceAll('\\', '\\\\')}`, `# TYPE ${name} ${kind}`];
}

function samplesOf(metric: Metric, cells: Float64Array): string[] {
  const { name, kind, labels, at, width, size } = metric;
  const names = labels.map((label) => label.name);
  const lines: string[] = [];
  for (let combination = 0; combination * width < size; combination++) {
    const first = at + combination * width;
    if (kind === 'histogram') {
      lines.push(...histogramOf(metric, names, labelValues(metric, combination), cells, first));
      continue;
    }
    const value = cells[first] ?? NaN;
    if (Number.isNaN(value) || (value === 0 && kind === 'counter' && labels.length > 1)) continue;
    lines.push(sample(name, names, labelValues(metric, combination), value));
  }
  return lines;
}

/** Buckets are cumulative in the text. */
function histogramOf(
  { name, buckets, width }: Metric,
  names: readonly string[],
  values: readonly string[],
  cells: Float64Array,
  first: number,
): string[] {
  let count = 0;
  const withBound = [...names, 'le'];
  const lines = [...buckets, '+Inf'].map((bound, index) => {
    count += cells[first + index] ?? 0;
    return sample(`${name}_bucket`, withBound, [...values, String(bound)], count);
  });
  lines.push(
    sample(`${name}_sum`, names, values, cells[first + width - 1] ?? 0),
    sample(`${name}_count`, names, values, count),
  );
  return lines;
}

function sample(name: string, names: readonly string[], values: readonly string[], value: number): string {
  if (names.length === 0) return `${name} ${value}`;
  const labels = names.map((label, index) => `${label}="${escaped(values[index] ?? '')}"`);
  return `${name}{${labels.join(',')}} ${value}`;
}

/** Label values may contain anything but these as they are. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
