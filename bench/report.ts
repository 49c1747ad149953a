// Owns what a benchmark run leaves behind: a table, JSON, and a bar chart.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { version } from './processes.ts';

/** One measured run of one rival. */
export interface Sample {
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly rssBytesPerPoll?: number;
}

/** Medians over the samples of one rival. */
export interface RivalResult extends Sample {
  readonly samples: readonly Sample[];
}

/** One run of a scenario. */
export interface BenchResult {
  readonly scenario: string;
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

/** Medians of all fields. */
export function summarise(samples: readonly Sample[]): RivalResult {
  const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
  const polls = samples.map((sample) => sample.rssBytesPerPoll).filter((value) => value !== undefined);
  return {
    cpuMicrosPerRequest: of((sample) => sample.cpuMicrosPerRequest),
    requestsPerSecond: of((sample) => sample.requestsPerSecond),
    p50Ms: of((sample) => sample.p50Ms),
    p99Ms: of((sample) => sample.p99Ms),
    errors: samples.reduce((sum, sample) => sum + sample.errors, 0),
    ...(polls.length > 0 ? { rssBytesPerPoll: median(polls) } : {}),
    samples,
  };
}

/** What the figures were measured on. */
export function machine(): Record<string, string | number> {
  const [cpu] = cpus();
  return { cpu: cpu?.model ?? 'unknown', cores: cpus().length, memoryBytes: totalmem(), kernel: release() };
}

/** Versions of all that took part. */
export function versions(): Record<string, string> {
  const packages = ['undici', 'http-proxy', 'autocannon', 'lru-cache'].map((name) => {
    const text = readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8');
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

/** The figure a scenario is about. */
export function figure(scenario: string): { key: 'cpuMicrosPerRequest' | 'rssBytesPerPoll'; label: string } {
  return scenario === 'held-polls'
    ? { key: 'rssBytesPerPoll', label: 'bytes per held poll' }
    : { key: 'cpuMicrosPerRequest', label: 'CPU µs per request' };
}

/** Markdown, which is also readable in a terminal. */
export function tableOf(result: BenchResult): string {
  const { key, label } = figure(result.scenario);
  const base = result.rivals['easgate']?.[key];
  const rows = Object.entries(result.rivals).map(([name, rival]) => {
    const value = rival[key];
    const ratio = value === undefined || base === undefined || value === 0 ? '' : (value / base).toFixed(2);
    return [
      name,
      value === undefined || value === 0 ? '-' : value.toFixed(key === 'rssBytesPerPoll' ? 0 : 1),
      ratio,
      rival.requestsPerSecond.toFixed(0),
      rival.p50Ms.toFixed(1),
      rival.p99Ms.toFixed(1),
      String(rival.errors),
    ];
  });
  const header = ['rival', label, '÷ easgate', 'requests/s', 'p50 ms', 'p99 ms', 'errors'];
  const widths = header.map((text, column) =>
    Math.max(text.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const write = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [write(header), write(widths.map((width) => '-'.repeat(width))), ...rows.map(write)].join('\n');
}

/** A bar chart that reads on light and dark pages. */
export function chart(result: BenchResult): string {
  const { key, label } = figure(result.scenario);
  const bars = Object.entries(result.rivals)
    .map(([name, rival]) => ({ name, value: rival[key] ?? 0 }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => a.value - b.value);
  const most = Math.max(...bars.map(({ value }) => value), 1);
  const height = 56 + bars.length * 30;
  const rows = bars.map(({ name, value }, index) => {
    const y = 48 + index * 30;
    const width = Math.max(2, (value / most) * 420);
    const text = key === 'rssBytesPerPoll' ? value.toFixed(0) : value.toFixed(1);
    const fill = name === 'easgate' ? '#2563eb' : '#94a3b8';
    return (
      `<text x="110" y="${y + 15}" text-anchor="end">${name}</text>` +
      `<rect x="120" y="${y}" width="${width.toFixed(1)}" height="20" rx="3" fill="${fill}"/>` +
      `<text x="${(126 + width).toFixed(1)}" y="${y + 15}">${text}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 ${height}" role="img" aria-label="${label}">
<style>text{font:13px system-ui,sans-serif;fill:#1e293b}@media(prefers-color-scheme:dark){text{fill:#e2e8f0}}</style>
<text x="12" y="24" style="font-weight:600">${result.scenario}: ${label} (less is better)</text>
${rows.join('\n')}
</svg>
`;
}
