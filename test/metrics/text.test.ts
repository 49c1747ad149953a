// Owns the promises of the numbers and their text: cells, sums over processes, histograms, and the reference page.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  Counts,
  addCounters,
  mergeGauges,
  newCells,
  packCells,
  unpackCells,
} from '../../src/metrics/counts.ts';
import {
  COMMANDS,
  LAYOUT,
  METRICS,
  NAMED_METRICS,
  PROCESSES,
  STATUSES,
  VERDICTS,
} from '../../src/metrics/definitions.ts';
import { metricsTable } from '../../src/metrics/describe.ts';
import { labelValues } from '../../src/metrics/layout.ts';
import { writeMetrics } from '../../src/metrics/text.ts';
import type { FeedSample } from '../../src/metrics/text.ts';

function textOf(cells: Float64Array, feeds: readonly FeedSample[] = []): string[] {
  return writeMetrics({ cells, version: '1.2.3', node: 'v26.10.0', feeds }).split('\n');
}

describe('docs/reference/metrics.md', () => {
  it('is up to date (easgate check --metrics)', () => {
    const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
    expect(page).toBe(metricsTable());
  });
});

describe('the definitions', () => {
  const all = [...LAYOUT.metrics, ...Object.values(NAMED_METRICS)];

  it('follow the naming rules of Prometheus', () => {
    for (const { name, kind, help } of all) {
      expect(name).toMatch(/^easgate_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(help).toMatch(/^\S[^\n]*\.$/);
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('have at most three labels', () => {
    for (const { labels } of all) expect(labels.length).toBeLessThanOrEqual(3);
  });

  it('have cells of their own', () => {
    let end = 0;
    for (const { at, size } of LAYOUT.metrics) {
      expect(at).toBe(end);
      end = at + size;
    }
    expect(end).toBe(LAYOUT.size);
  });

  it('have one place for each combination of labels', () => {
    const { requests } = METRICS;
    const combinations = Array.from({ length: requests.size }, (_, index) => labelValues(requests, index));
    expect(new Set(combinations.map(String)).size).toBe(
      COMMANDS.values.length * VERDICTS.values.length * STATUSES.values.length,
    );
  });
});

describe('the text', () => {
  it('has help and type before the values of a metric, and no gauge that was not measured', () => {
    const counts = new Counts();
    counts.add(METRICS.retries);
    counts.set(METRICS.connections, 7);
    const lines = textOf(counts.cells);
    const at = lines.indexOf('easgate_upstream_retries_total 1');
    expect(lines.slice(at - 2, at)).toEqual([
      `# HELP easgate_upstream_retries_total ${METRICS.retries.help}`,
      '# TYPE easgate_upstream_retries_total counter',
    ]);
    expect(lines).toContain('easgate_connections 7');
    expect(lines.join('\n')).not.toContain('easgate_store_up');
  });

  it('has cumulative buckets, and the sum in seconds', () => {
    const counts = new Counts();
    for (const seconds of [0.004, 0.005, 0.3, 100]) counts.observe(METRICS.firstBytes, seconds);
    const values = textOf(counts.cells).filter((line) =>
      line.startsWith('easgate_upstream_first_byte_seconds'),
    );
    expect(values[0]).toBe('easgate_upstream_first_byte_seconds_bucket{le="0.005"} 2');
    expect(values).toContain('easgate_upstream_first_byte_seconds_bucket{le="0.5"} 3');
    expect(values).toContain('easgate_upstream_first_byte_seconds_bucket{le="60"} 3');
    expect(values).toContain('easgate_upstream_first_byte_seconds_bucket{le="+Inf"} 4');
    expect(values.at(-1)).toBe('easgate_upstream_first_byte_seconds_count 4');
    expect(Number(values.at(-2)?.split(' ').at(-1))).toBeCloseTo(100.309);
  });

  it('leaves out combinations of several labels that never occurred', () => {
    const counts = new Counts();
    counts.add(METRICS.requests, METRICS.requests.size - 1);
    const values = textOf(counts.cells).filter((line) => line.startsWith('easgate_requests_total'));
    expect(values).toEqual(['easgate_requests_total{command="none",verdict="none",status="5xx"} 1']);
  });

  it('escapes names of feeds', () => {
    const feed = { name: 'a"b\\c', lastSuccessAt: 1_500, stale: true, failures: 2, held: false };
    const lines = textOf(newCells(), [feed]);
    expect(lines).toContain('easgate_feed_last_success_timestamp_seconds{feed="a\\"b\\\\c"} 1.5');
    expect(lines).toContain('easgate_feed_stale{feed="a\\"b\\\\c"} 1');
  });

  it('names the versions', () => {
    expect(textOf(newCells())).toContain('easgate_build_info{version="1.2.3",node="v26.10.0"} 1');
  });
});

describe('numbers of several processes', () => {
  it('are added, or for some gauges the smallest or largest is taken', () => {
    const [one, two, primary] = [new Counts(), new Counts(), new Counts()];
    one.add(METRICS.retries, 0, 2);
    two.add(METRICS.retries, 0, 3);
    for (const [counts, value] of [
      [one, 1],
      [two, 0],
    ] as const) {
      counts.set(METRICS.connections, 10);
      counts.set(METRICS.storeUp, value);
      counts.set(METRICS.stateAge, value);
    }
    primary.set(METRICS.memory, 5, PROCESSES.values.indexOf('primary'));
    const sum = newCells();
    for (const { cells } of [one, two, primary]) {
      addCounters(sum, cells);
      mergeGauges(sum, cells);
    }
    const lines = textOf(sum);
    expect(lines).toContain('easgate_upstream_retries_total 5');
    expect(lines).toContain('easgate_connections 20');
    expect(lines).toContain('easgate_store_up 0');
    expect(lines).toContain('easgate_state_age_seconds 1');
    expect(lines).toContain('easgate_process_resident_memory_bytes{process="primary"} 5');
  });

  it('survive the message between processes, and those of another version are not taken for them', () => {
    const counts = new Counts();
    counts.add(METRICS.retries, 0, 42);
    counts.set(METRICS.stateAge, 0.25);
    const packed = packCells(counts.cells);
    expect(unpackCells(packed)).toEqual(counts.cells);
    expect(unpackCells(packed.replace(/^[^:]*/, '0'))).toBeNull();
    expect(unpackCells(packed.slice(0, -8))).toBeNull();
    expect(unpackCells('')).toBeNull();
  });
});
