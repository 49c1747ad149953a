// Owns access rules, compiled.
import type { Problems } from '../document/problem.ts';
import type { RuleDocument } from '../document/schema.ts';
import { parseTime } from '../document/times.ts';
import type { Lists } from '../document/value.ts';
import { fieldInfo } from '../document/vocabulary.ts';
import type { Action, Reason } from '../document/vocabulary.ts';
import { compileAlternatives } from './alternatives.ts';
import { compileExpression } from './cel.ts';
import type { Expression } from './cel.ts';
import type { Condition } from './conditions.ts';

/** One access rule. */
export interface CompiledRule {
  readonly index: number;
  readonly name: string | null;
  /** Maps of which at least one must hold. */
  readonly match: readonly (readonly Condition[])[];
  /** Maps of which none may hold. */
  readonly except: readonly (readonly Condition[])[];
  readonly when: Expression | null;
  readonly action: Action;
  readonly reason: Reason;
  readonly reportOnly: boolean;
  /** Milliseconds since the epoch; null = always. */
  readonly from: number | null;
  /** Milliseconds since the epoch; null = for ever. */
  readonly until: number | null;
}

/** Compiles one rule; problems are collected. */
export function compileRule(
  document: RuleDocument,
  index: number,
  lists: Lists,
  problems: Problems,
): CompiledRule {
  const at: readonly PropertyKey[] = ['rules', index];
  const { action, from, until } = document;
  const refuses = action !== 'allow';
  const rule: CompiledRule = {
    index,
    name: document.name ?? null,
    match: compileAlternatives(document.match, refuses, lists, problems, [...at, 'match']) ?? [[]],
    except: compileAlternatives(document.except, false, lists, problems, [...at, 'except']) ?? [],
    when: compileWhen(document.when, problems, [...at, 'when']),
    action,
    reason: document.reason ?? 'deviceRule',
    reportOnly: document.mode === 'reportOnly',
    from: from === undefined ? null : parseTime(from),
    until: until === undefined ? null : parseTime(until),
  };
  if (rule.from !== null && rule.until !== null && rule.until <= rule.from)
    problems.warning([...at, 'until'], 'is not later than from: the rule never counts');
  if (action === 'quarantine') checkQuarantine(rule, problems, at);
  return rule;
}

function compileWhen(
  text: string | undefined,
  problems: Problems,
  at: readonly PropertyKey[],
): Expression | null {
  if (text === undefined) return null;
  const compiled = compileExpression(text);
  if ('holds' in compiled) return compiled;
  problems.error(at, compiled.message, compiled.offset);
  return null;
}

/**
 * A phone starts over when its quarantine begins or ends. So facts that change between requests must not decide it:
 * `network` and `command` never, other facts of the request preferably not.
 */
function checkQuarantine(rule: CompiledRule, problems: Problems, at: readonly PropertyKey[]): void {
  for (const { field } of rule.match.flat()) {
    if (field === 'network' || field === 'command')
      problems.error(
        at,
        `${field} changes from request to request: a rule that names it may allow or block, not quarantine (the phone would start over each time)`,
      );
    else if (fieldInfo(field).perRequest === true)
      problems.warning(at, `${field} may change from request to request, and with it the quarantine`);
  }
  for (const { field } of rule.except.flat())
    if (fieldInfo(field).perRequest === true)
      problems.warning(
        at,
        `except names ${field}, which changes from request to request: a phone that moves starts over each time`,
      );
  if (rule.when?.changesOften === true)
    problems.error(
      [...at, 'when'],
      'reads the address or command of the request: such a rule may allow or block, not quarantine',
    );
  else if (rule.when?.perRequest === true)
    problems.warning([...at, 'when'], 'reads the request: the quarantine may change from request to request');
}
