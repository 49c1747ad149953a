// Owns the tables in README.md and bench/README.md, generated from the results.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AIMS, outcomeOf } from './aims.ts';
import { MEASURES, grid } from './report.ts';
import type { BenchResult } from './report.ts';
import { SCENARIOS } from '../scenarios/all.ts';

const ROOT = new URL('../../', import.meta.url);
const PAGES = [
  { file: 'README.md', table: overview },
  { file: 'bench/README.md', table: everything },
] as const;
const BLOCK = /(<!-- bench -->\n)[\s\S]*?(\n<!-- \/bench -->)/;

/** The pages with generated tables and their present text around them. */
export function pages(): { readonly file: string; readonly is: string; readonly shouldBe: string }[] {
  const results = new Map(
    SCENARIOS.flatMap(({ name }) => {
      const file = new URL(`bench/results/${name}.json`, ROOT);
      return existsSync(file) ? [[name, JSON.parse(readFileSync(file, 'utf8')) as BenchResult] as const] : [];
    }),
  );
  return PAGES.map(({ file, table }) => {
    const is = readFileSync(new URL(file, ROOT), 'utf8');
    const shouldBe = is.replace(BLOCK, (_, before: string, after: string) => {
      return `${before}\n${table(results)}\n${after}`;
    });
    return { file, is, shouldBe };
  });
}

/** Rewrites the tables. */
export function writeTables(): void {
  for (const { file, shouldBe } of pages()) writeFileSync(new URL(file, ROOT), shouldBe);
}

type Results = ReadonlyMap<string, BenchResult>;

/** The summary for README.md. */
function overview(results: Results): string {
  const columns = [
    ['µs per forwarded request', 'hot-path', 1],
    ['µs over TLS', 'tls', 1],
    ['µs per refused request', 'block', 1],
    ['KB per held poll', 'held-polls', 1_000],
    ['KB over TLS', 'tls-held-polls', 1_000],
  ] as const;
  const rivals = Object.keys(results.get('hot-path')?.rivals ?? {}).filter((name) => name !== 'direct');
  const rows = rivals.map((name) => [
    name,
    ...columns.map(([, scenario, unit]) => {
      const result = results.get(scenario);
      const value = result?.rivals[name]?.[result.figure];
      return value === undefined ? '-' : (value / unit).toFixed(1);
    }),
  ]);
  return grid(['', ...columns.map(([title]) => title)], rows);
}

/** Every scenario with its figures, and every aim. */
function everything(results: Results): string {
  const scenarios = SCENARIOS.flatMap(({ name, text }) => {
    const result = results.get(name);
    if (result === undefined) return [];
    const { label, digits } = MEASURES[result.figure];
    const figures = Object.entries(result.rivals)
      .filter(([, rival]) => (rival[result.figure] ?? 0) > 0)
      .map(([rival, values]) => `${rival} ${(values[result.figure] ?? 0).toFixed(digits)}`);
    return [[`\`${name}\``, text, label, figures.join(' · ')]];
  });
  const aims = AIMS.flatMap((aim) => {
    const result = results.get(aim.scenario);
    const outcome = result === undefined ? null : outcomeOf(aim, result);
    if (outcome === null) return [];
    const { value, least, most, verdict } = outcome;
    const [middle, low, high] = [value, least, most].map((one) => one.toFixed(aim.digits));
    return [
      [
        `\`${aim.scenario}\``,
        aim.text,
        `${middle} (${low} to ${high})`,
        verdict === 'missed' ? '**missed**' : verdict,
      ],
    ];
  });
  const ran = [...results.values()].map(({ versions }) => versions['easgate'] ?? '');
  const [first] = results.values();
  const cpu = first === undefined ? '' : `${first.machine['cpu']}, ${first.machine['cores']} cores`;
  return [
    grid(['scenario', 'what is measured', 'figure', 'medians'], scenarios),
    grid(['scenario', 'aim', 'median of the rounds (from, to)', ''], aims),
    `Measured on ${cpu}, easgate at commit ${[...new Set(ran)].join(', ')}.`,
  ].join('\n\n');
}
