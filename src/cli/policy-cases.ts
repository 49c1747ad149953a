// Owns how the results of policy cases are shown to people: of a case that fails, the verdict with its differences.
import { numberText } from '../app/number-text.ts';
import type { CaseResult } from '../app/policy-cases.ts';
import { printable } from './output.ts';

/** One line a case; below one that fails, its verdict: `-` expected, `+` got. */
export function casesText(results: readonly CaseResult[]): string {
  const failed = results.filter(isFailed).length;
  const lines = results.flatMap((result) =>
    isFailed(result)
      ? [`FAIL  ${printable(result.name)}`, ...verdictLines(result)]
      : [`ok    ${printable(result.name)}`],
  );
  const legend = failed === 0 ? '' : ' (- expected, + got)';
  return `${lines.join('\n')}\n\n${numberText(results.length)} ${results.length === 1 ? 'case' : 'cases'}, ${numberText(failed)} failed${legend}\n`;
}

function isFailed({ differences }: CaseResult): boolean {
  return differences.length > 0;
}

/** The parts of the verdict in their order; those that are null and not expected otherwise are left out. */
function verdictLines({ verdict, differences }: CaseResult): string[] {
  return Object.entries(verdict).flatMap(([name, value]: [string, unknown]) => {
    const wrong = differences.filter(({ part }) => part === name || part.startsWith(`${name}.`));
    const whole = wrong.find(({ part }) => part === name);
    if (wrong.length === 0) return value === null ? [] : [`        ${name}: ${shown(value)}`];
    if (whole !== undefined)
      return [`      - ${name}: ${shown(whole.expected)}`, `      + ${name}: ${shown(whole.actual)}`];
    return [
      `        ${name}: ${shown(value)}`,
      ...wrong.flatMap(({ part, expected, actual }) => [
        `      - ${part}: ${shown(expected)}`,
        `      + ${part}: ${shown(actual)}`,
      ]),
    ];
  });
}

function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
