// Owns the output of a benchmark run: a table, JSON, and a bar chart.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { version } from './processes.ts';

/** The kinds of measures; `less` = less is better. */
export const MEASURES = {
  cpuMicrosPerRequest: { label: 'CPU µs per request', digits: 1, less: true },
  cpuMicrosPerHandshake: { label: 'CPU µs per handshake', digits: 0, less: true },
  cpuMicrosPerDecision: { label: 'CPU µs per decision', digits: 2, less: true },
  cpuMicrosPerSecond: { label: 'CPU µs per second', digits: 0, less: true },
  cpuMicrosWithout: { label: 'CPU µs per second without polls', digits: 0, less: true },
  rssBytesPerPoll: { label: 'bytes per held poll', digits: 0, less: true },
  megabytesPerSecond: { label: 'MB/s', digits: 0, less: false },
  cpuMillisPerMegabyte: { label: 'CPU ms per MB', digits: 2, less: true },
  rssGrowthMegabytes: { label: 'memory growth MB', digits: 0, less: true },
  requestsPerSecond: { label: 'requests/s', digits: 0, less: false },
  p50Ms: { label: 'p50 ms', digits: 1, less: true },
  p99Ms: { label: 'p99 ms', digits: 1, less: true },
  p99MsWithout: { label: 'p99 ms without polls', digits: 1, less: true },
  p99MsBefore: { label: 'p99 ms without the work beside', digits: 1, less: true },
  recordsPerSecond: { label: 'records/s', digits: 0, less: false },
  bytesPerDevice: { label: 'bytes per device', digits: 0, less: true },
  heapMegabytes: { label: 'MB of heap', digits: 1, less: true },
  changeMs: { label: 'ms until all is decided', digits: 0, less: true },
  pauseMs: { label: 'longest pause, ms', digits: 1, less: true },
  seconds: { label: 'seconds', digits: 1, less: true },
  cpuSeconds: { label: 'CPU seconds', digits: 1, less: true },
  pausesP99Ms: { label: 'p99 of the pauses of the event loop, ms', digits: 1, less: true },
  errors: { label: 'errors', digits: 0, less: true },
} as const;

/** One kind of measure. */
export type Measure = keyof typeof MEASURES;

/** One measured run of one rival. */
export type Sample = Readonly<Partial<Record<Measure, number>>>;

/** Medians over the samples of one rival; errors are summed up. */
export type RivalResult = Sample & { readonly samples: readonly Sample[] };

/** One run of a scenario. */
export interface BenchResult {
  readonly scenario: string;
  /** The main measure of the scenario. */
  readonly figure: Measure;
  readonly at: string;
  readonly machine: Record<string, string | number>;
  readonly versions: Record<string, string>;
  readonly rivals: Record<string, RivalResult>;
}

/** The middle of the values; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Medians of all measures the samples have. */
export function summarise(samples: readonly Sample[]): RivalResult {
  const result: Partial<Record<Measure, number>> = {};
  for (const measure of measuresOf(samples)) {
    const values = samples.map((sample) => sample[measure]).filter((value) => value !== undefined);
    result[measure] = measure === 'errors' ? values.reduce((sum, value) => sum + value, 0) : median(values);
  }
  return { ...result, samples };
}

function measuresOf(samples: readonly Sample[]): Measure[] {
  return (Object.keys(MEASURES) as Measure[]).filter((measure) =>
    samples.some((sample) => sample[measure] !== undefined),
  );
}

/** The machine of the run. */
export function machine(): Record<string, string | number> {
  const [cpu] = cpus();
  return { cpu: cpu?.model ?? 'unknown', cores: cpus().length, memoryBytes: totalmem(), kernel: release() };
}

/** Versions of all products in the run. */
export function versions(): Record<string, string> {
  const packages = ['undici', 'http-proxy', 'autocannon', 'lru-cache'].map((name) => {
    const text = readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
    return [name, (JSON.parse(text) as { version: string }).version];
  });
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    // not a checkout
  }
  return {
    node: process.version,
    easgate: commit,
    nginx: version('nginx', '-v') ?? 'not installed',
    haproxy: version('haproxy', '-v') ?? 'not installed',
    ...(Object.fromEntries(packages) as Record<string, string>),
  };
}

/** Markdown, which is also readable in a terminal. */
export function tableOf(result: BenchResult): string {
  const base = result.rivals['easgate']?.[result.figure];
  const others = measuresOf(Object.values(result.rivals)).filter((measure) => measure !== result.figure);
  const rows = Object.entries(result.rivals).map(([name, rival]) => {
    const value = rival[result.figure];
    const ratio = value === undefined || base === undefined || value === 0 ? '' : (value / base).toFixed(2);
    return [
      name,
      text(result.figure, value),
      ratio,
      ...others.map((measure) => text(measure, rival[measure])),
    ];
  });
  const header = [
    MEASURES[result.figure].label,
    '÷ easgate',
    ...others.map((measure) => MEASURES[measure].label as string),
  ];
  return grid(['rival', ...header], rows);
}

/** A Markdown table. */
export function grid(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const write = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [write(header), write(widths.map((width) => '-'.repeat(width))), ...rows.map(write)].join('\n');
}

function text(measure: Measure, value: number | undefined): string {
  // Without a gateway there is no CPU time of one.
  return value === undefined || (value === 0 && measure === 'cpuMicrosPerRequest')
    ? '-'
    : value.toFixed(MEASURES[measure].digits);
}

/** A bar chart for light and dark pages. */
export function chart(result: BenchResult): string {
  const { label, digits, less } = MEASURES[result.figure];
  const bars = Object.entries(result.rivals)
    .map(([name, rival]) => ({ name, value: rival[result.figure] ?? 0 }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => a.value - b.value);
  const most = Math.max(...bars.map(({ value }) => value), 1);
  const height = 56 + bars.length * 30;
  const rows = bars.map(({ name, value }, index) => {
    const y = 48 + index * 30;
    const width = Math.max(2, (value / most) * 420);
    const fill = name === 'easgate' ? '#2563eb' : '#94a3b8';
    return (
      `<text x="110" y="${y + 15}" text-anchor="end">${name}</text>` +
      `<rect x="120" y="${y}" width="${width.toFixed(1)}" height="20" rx="3" fill="${fill}"/>` +
      `<text x="${(126 + width).toFixed(1)}" y="${y + 15}">${value.toFixed(digits)}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 ${height}" role="img" aria-label="${label}">
<style>text{font:13px system-ui,sans-serif;fill:#1e293b}@media(prefers-color-scheme:dark){text{fill:#e2e8f0}}</style>
<text x="12" y="24" style="font-weight:600">${result.scenario}: ${label} (${less ? 'less' : 'more'} is better)</text>
${rows.join('\n')}
</svg>
`;
}

/** Prints a sample as soon as it is measured, and returns it. */
export function told(name: string, sample: Sample): Sample {
  const facts = Object.entries(sample).map(([measure, value]) => `${measure} ${value.toFixed(1)}`);
  process.stdout.write(`${name}: ${facts.join(', ')}\n`);
  return sample;
}
