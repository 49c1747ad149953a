// Owns the promises of the files for Prometheus, Grafana and Kubernetes: they name existing metrics, and the alerts fire.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { LAYOUT, NAMED_METRICS } from '../../src/metrics/definitions.ts';
import { PROMTOOL, mayUse } from '../support/programs.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const root = new URL('../../config/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** Names as they are in queries, each with the labels that it has. */
const KNOWN = new Map<string, readonly string[]>();
for (const { name, kind, labels } of LAYOUT.metrics) {
  const names = labels.map((label) => label.name);
  if (kind !== 'histogram') KNOWN.set(name, names);
  else
    for (const end of ['bucket', 'sum', 'count'])
      KNOWN.set(`${name}_${end}`, end === 'bucket' ? [...names, 'le'] : names);
}
for (const { name, labels } of Object.values(NAMED_METRICS)) KNOWN.set(name, labels);
/** Labels that Prometheus adds. */
const ADDED = ['job', 'instance'];

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

interface Manifest {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly ports?: readonly { readonly name: string }[] };
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

/** Tests of the rules, beside them: one file for those that take minutes or hours, one for those that take days. */
const RULE_TESTS = ['prometheus/alerts.test.yaml', 'prometheus/alerts-days.test.yaml'];

const rules = parse(read('prometheus/alerts.yaml')) as Rules;
const alerts = rules.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('grafana/easgate.json')) as Dashboard;
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets);

/** What is wrong with a query: unknown metrics, and labels that the metric does not have. */
function faults(expr: string): string[] {
  return [...expr.matchAll(/\b(easgate_[a-z_]+)(?:\{([^}]*)\})?/g)].flatMap(
    ([, name = '', matchers = '']) => {
      const labels = KNOWN.get(name);
      if (labels === undefined) return [`there is no ${name}`];
      return [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)]
        .map(([, label = '']) => label)
        .filter((label) => !labels.includes(label) && !ADDED.includes(label))
        .map((label) => `${name} has no label ${label}`);
    },
  );
}

function promtool(...words: string[]): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', words, {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
  });
  return { status, text: `${stdout}${stderr}` };
}

describe('the alert rules', () => {
  it.each(alerts.map(({ alert, expr }) => [alert, expr]))('%s names existing metrics', (_alert, expr) => {
    expect(faults(expr)).toEqual([]);
  });

  it('say what to do, and name existing alerts once', () => {
    for (const { annotations } of alerts) expect(Object.keys(annotations)).toEqual(['summary', 'action']);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it('are each tested', () => {
    const tests = RULE_TESTS.map(read).join('');
    expect(alerts.filter(({ alert }) => !tests.includes(`alertname="${alert}"`))).toEqual([]);
  });

  it('pass the check and the tests of promtool', (context) => {
    if (!mayUse(PROMTOOL)) context.skip('promtool is missing (Debian: prometheus)');
    expect(promtool('check', 'rules', 'prometheus/alerts.yaml')).toMatchObject({ status: 0 });
    const { status, text } = promtool('test', 'rules', ...RULE_TESTS);
    expect(text).not.toContain('FAILED');
    expect(status).toBe(0);
  });

  it('are the same for the Prometheus Operator', () => {
    const { spec } = parse(read('kubernetes/prometheus-rule.yaml')) as { spec: Rules };
    expect(spec).toEqual(rules);
  });
});

describe('the ServiceMonitor', () => {
  it('selects the Service, its port and its token', () => {
    const [secret, service, monitor] = parseAllDocuments(read('kubernetes/service-monitor.yaml')).map(
      (document) => document.toJS() as Manifest,
    );
    expect(monitor).toMatchObject({
      kind: 'ServiceMonitor',
      spec: {
        jobLabel: 'app.kubernetes.io/name',
        selector: { matchLabels: service?.metadata.labels },
        endpoints: [
          {
            port: service?.spec.ports?.[0]?.name,
            path: '/metrics',
            authorization: { credentials: { name: secret?.metadata.name, key: 'token' } },
          },
        ],
      },
    });
  });
});

describe('the dashboard', () => {
  it('has panels with queries', () => {
    expect(queries.length).toBeGreaterThan(30);
  });

  it.each(queries.map(({ expr }) => [expr]))('names existing metrics and labels: %s', (expr) => {
    expect(faults(expr)).toEqual([]);
    expect(expr).toMatch(/easgate_/);
  });

  it('has queries that promtool can parse', (context) => {
    if (!mayUse(PROMTOOL)) context.skip('promtool is missing (Debian: prometheus)');
    const folder = mkdtempSync(join(tmpdir(), 'easgate-queries-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const asRules = queries.map(({ expr }, index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = join(folder, 'queries.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'queries', rules: asRules }] }));
    expect(promtool('check', 'rules', file)).toMatchObject({ status: 0 });
  });

  it('shows labels that the query keeps', () => {
    for (const { expr, legendFormat } of queries) {
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const kept = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/,\s*/));
        const [, metric = ''] = /\b(easgate_[a-z_]+)/.exec(expr) ?? [];
        const possible = kept.length > 0 ? kept : [...(KNOWN.get(metric) ?? []), ...ADDED];
        expect(possible, `${expr} ${legendFormat}`).toContain(label);
      }
    }
  });

  it('takes its data source from a variable', () => {
    expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
    for (const { type, datasource } of dashboard.panels)
      if (type !== 'row') expect(datasource?.uid).toBe('${datasource}');
  });
});
