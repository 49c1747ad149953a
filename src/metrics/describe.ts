// Owns docs/reference/metrics.md, generated from the definitions of the metrics. Pure.
import { LAYOUT, NAMED_METRICS } from './definitions.ts';
import type { Label, Merge } from './layout.ts';

const MERGES: Readonly<Record<Merge, string>> = {
  sum: 'sum',
  max: 'largest',
  min: 'smallest',
};
/** Longer lists of values are in other pages. */
const MAX_VALUES = 8;

/** Every metric, as Markdown. */
export function metricsTable(): string {
  const rows = LAYOUT.metrics.map(
    ({ name, kind, help, labels, merge }) =>
      `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label.name}\``).join(', ') || '-'} | ${help} ${kind === 'gauge' ? `Over processes: the ${MERGES[merge]}.` : ''}`.trimEnd() +
      ' |',
  );
  const named = Object.values(NAMED_METRICS).map(
    ({ name, kind, help, labels }) =>
      `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
  const labels = new Map<string, Label[]>();
  for (const metric of LAYOUT.metrics)
    for (const label of metric.labels) {
      const known = labels.get(label.name) ?? [];
      if (!known.includes(label)) labels.set(label.name, [...known, label]);
    }
  const buckets = LAYOUT.metrics
    .filter(({ kind }) => kind === 'histogram')
    .map((metric) => `| \`${metric.name}\` | ${metric.buckets.join(', ')} |`);
  return [
    '# Metrics',
    '',
    'This page is generated from the definitions of the metrics (`easgate check --metrics`). They are served at `/metrics` of',
    '`metrics.listen`, in the text format of Prometheus 0.0.4: docs/guide/monitoring.md.',
    '',
    'Numbers are those of the whole gateway: the primary process adds up those of all workers, also of workers that were replaced or',
    'ended, so that counters only grow while the gateway runs. A worker that is killed takes the counts of at most ten seconds with it.',
    'Of `easgate_requests_total` combinations of labels that never occurred are absent. No label holds a name of a user, device or',
    'client.',
    '',
    '| metric | kind | labels | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...named,
    '',
    '## Values of labels',
    '',
    '| label | values |',
    '| --- | --- |',
    ...[...labels].map(([name, kinds]) => `| \`${name}\` | ${kinds.map(valuesText).join('; or ')} |`),
    '| `feed` | names of the feeds of the configuration |',
    '| `version`, `node` | versions |',
    '',
    '## Buckets',
    '',
    'Upper bounds in seconds.',
    '',
    '| histogram | bounds |',
    '| --- | --- |',
    ...buckets,
    '',
  ].join('\n');
}

function valuesText({ name, values }: Label): string {
  if (name === 'reason') return 'the reasons of verdicts (records.md)';
  if (name === 'code' && values.length > MAX_VALUES) return 'codes of errors of requests (errors.md)';
  return values.map((value) => `\`${value}\``).join(', ');
}
