// Owns the warnings about valid but doubtful documents.
import type { Problems } from '../document/problem.ts';
import { didYouMean } from '../../suggest.ts';
import type { RequirementsDocument } from '../document/schema.ts';
import { namesUnknown, readValue, someValue } from '../document/value.ts';
import type { Lists, Value } from '../document/value.ts';
import { AUTH_METHODS, fieldInfo } from '../document/vocabulary.ts';
import type { CompiledPolicy, Who } from './compiled-policy.ts';
import type { Condition } from './conditions.ts';
import { isGlob } from './glob.ts';
import type { CompiledRule } from './rules.ts';
import { checkListFiles, doubtsOf } from './text-warnings.ts';

/** Names known to the feeds and the gateway, as `foldCase` spells them; absent = unknown, so no warning. */
export interface Known {
  /** Groups that a feed has. */
  readonly groups?: ReadonlySet<string>;
  /** Attributes that a feed reported or declares, of devices and of users. */
  readonly attributes?: ReadonlySet<string>;
  readonly userAttributes?: ReadonlySet<string>;
  /** Values of reports that a feed maps, e.g. `encrypted`. */
  readonly reported?: ReadonlySet<string>;
  /** Commands of Exchange ActiveSync. */
  readonly commands?: ReadonlySet<string>;
}

/** Platforms that feeds and phones name; others may exist. */
const PLATFORMS = [
  'ios',
  'ipados',
  'android',
  'windows',
  'macos',
  'linux',
  'chromeos',
  'visionos',
  'windowsphone',
  'blackberry',
  'tizen',
];

type Path = readonly PropertyKey[];
type Maps = readonly (readonly Condition[])[];

/** Collects the warnings of a compiled policy. */
export function warnings(policy: CompiledPolicy, known: Known, problems: Problems): void {
  checkNames('rules', policy.rules, problems);
  checkNames('compliance', policy.document.compliance === undefined ? [] : policy.compliance, problems);
  checkWho(policy.targets?.include ?? null, 'include', known, problems);
  checkWho(policy.targets?.exclude ?? null, 'exclude', known, problems);
  checkLists(policy, problems);
  checkListFiles(policy.document, policy.lists, problems);
  for (const rule of policy.rules) {
    const at: Path = ['rules', rule.index];
    checkSome(rule.match, [...at, 'match'], problems);
    checkMaps(rule.match, [...at, 'match'], known, problems);
    checkMaps(rule.except, [...at, 'except'], known, problems);
    for (const { of, name } of rule.when?.attributes ?? [])
      checkAttribute(
        name,
        of === 'device' ? known.attributes : known.userAttributes,
        [...at, 'when'],
        problems,
      );
    if (rule.action !== 'allow') checkComparisons(rule.match, [...at, 'match'], problems);
    if (rule.action === 'allow' && rule.reportOnly)
      problems.warning([...at, 'mode'], 'an allow that is only reported does nothing');
    checkHidden(rule, policy.rules, problems);
    if (policy.compliance.length > 0) checkShadow(rule, problems);
  }
  for (const { index, groups, match, except, requirements } of policy.compliance) {
    const at: Path = ['compliance', index];
    if (groups !== null) checkGroups(groups, [...at, 'groups'], known, problems);
    checkSome(match, [...at, 'match'], problems);
    checkMaps(match, [...at, 'match'], known, problems);
    checkMaps(except, [...at, 'except'], known, problems);
    checkComparisons(match, [...at, 'match'], problems);
    for (const { key } of requirements) checkRequirement(key, [...at, 'require'], known, problems);
  }
  for (const [index, { require }] of (policy.document.compliance ?? []).entries())
    checkRequired(require, policy.lists, ['compliance', index, 'require'], problems);
  if (policy.noCompliancePolicy.action === 'allow')
    problems.warning(
      ['noCompliancePolicy', 'action'],
      'every targeted phone without a compliance policy passes: forget to deploy one, and nothing is checked',
    );
}

function checkRequired(
  { minimumOs, attributes = {} }: RequirementsDocument,
  lists: Lists,
  at: Path,
  problems: Problems,
): void {
  for (const platform of Object.keys(minimumOs ?? {}))
    checkPlatform(platform, [...at, 'minimumOs', platform], problems);
  checkTablets(Object.keys(minimumOs ?? {}), [...at, 'minimumOs'], problems);
  if (minimumOs !== undefined && Object.keys(minimumOs).length === 0)
    problems.warning([...at, 'minimumOs'], 'names no platform: every version meets it');
  for (const [name, raw] of Object.entries(attributes))
    for (const doubt of doubtsOf(
      readValue(raw, 'attribute', lists, () => undefined),
      'attribute',
    ))
      problems.warning([...at, 'attributes', name], doubt);
}

function checkNames(
  section: string,
  items: readonly { readonly index: number; readonly name: string | null }[],
  problems: Problems,
): void {
  const seen = new Set<string>();
  for (const { index, name } of items) {
    if (name === null) problems.warning([section, index], 'has no name to show in verdicts and reports');
    else if (seen.has(name)) problems.warning([section, index, 'name'], `"${name}" occurs twice`);
    else seen.add(name);
  }
}

function checkWho(who: Who | null, name: string, known: Known, problems: Problems): void {
  if (who?.groups) checkGroups(who.groups, ['targets', name, 'groups'], known, problems);
}

/** Groups that no feed has, probably misspelt: such a rule applies to nobody. */
function checkGroups(value: Value, at: Path, { groups }: Known, problems: Problems): void {
  if (groups === undefined) return;
  for (const group of textsOf(value))
    if (!isGlob(group) && !groups.has(group))
      problems.warning(at, `no feed has a group "${group}"${didYouMean(group, groups)}`);
}

function textsOf(value: Value): string[] {
  if (value.type === 'text') return [value.text];
  if (value.type === 'not') return textsOf(value.value);
  return value.type === 'any' ? value.values.flatMap(textsOf) : [];
}

/** A list of maps of which one must hold, and there is none. */
function checkSome(maps: Maps, at: Path, problems: Problems): void {
  if (maps.length === 0) problems.warning(at, 'is an empty list: it matches nothing');
}

function checkMaps(maps: Maps, at: Path, known: Known, problems: Problems): void {
  for (const { field, attribute, value } of maps.flat()) {
    const place = maps.length === 1 ? [...at, field] : at;
    for (const doubt of doubtsOf(value, fieldInfo(field).kind)) problems.warning(place, doubt);
    switch (field) {
      case 'groups':
        checkGroups(value, place, known, problems);
        break;
      case 'attributes':
      case 'userAttributes':
        checkAttribute(attribute ?? '', known[field], place, problems);
        break;
      case 'command':
        checkWords(value, 'command', known.commands, place, problems);
        break;
      case 'auth':
        checkWords(value, 'way to sign in', new Set(AUTH_METHODS), place, problems);
        break;
      case 'platform':
        for (const text of textsOf(value)) checkPlatform(text, place, problems);
        checkTablets(textsOf(value), place, problems);
        break;
      case 'network':
        someValue(value, (part) => {
          if (part.type === 'block' && part.block.loose)
            problems.warning(place, 'a block has bits set behind its prefix; they are ignored');
          return false;
        });
        break;
      default:
    }
  }
}

function checkAttribute(
  name: string,
  declared: ReadonlySet<string> | undefined,
  at: Path,
  problems: Problems,
): void {
  if (declared !== undefined && !declared.has(name.toLowerCase()))
    problems.warning(at, `no feed reports an attribute "${name}"${didYouMean(name, declared)}`);
}

function checkWords(
  value: Value,
  what: string,
  words: ReadonlySet<string> | undefined,
  at: Path,
  problems: Problems,
): void {
  if (words === undefined) return;
  for (const text of textsOf(value))
    if (!isGlob(text) && !words.has(text))
      problems.warning(at, `there is no ${what} "${text}"${didYouMean(text, words)}`);
}

function checkPlatform(written: string, at: Path, problems: Problems): void {
  const platform = written.toLowerCase();
  if (isGlob(platform) || PLATFORMS.includes(platform)) return;
  problems.warning(
    at,
    `platform "${written}" is unusual: devices of other names are not concerned${didYouMean(platform, PLATFORMS)}`,
  );
}

/** Feeds and the gateway give iPads the platform ios: what concerns only ipados concerns hardly any of them. */
function checkTablets(platforms: readonly string[], at: Path, problems: Problems): void {
  const named = new Set(platforms.map((platform) => platform.toLowerCase()));
  if (named.has('ipados') && !named.has('ios'))
    problems.warning(
      at,
      'names ipados without ios, which iPads are reported as; name both, or use model for iPads alone',
    );
}

/** A comparison never matches an unknown value, so a phone that reports none passes the refusal. */
function checkComparisons(maps: Maps, at: Path, problems: Problems): void {
  for (const { field, label, value } of maps.flat())
    if (comparesOnly(value))
      problems.warning(
        maps.length === 1 ? [...at, field] : at,
        `${label} compares, so a phone whose value is unknown does not match; add unknown to the list if it should`,
      );
}

function comparesOnly(value: Value): boolean {
  if (value.type === 'compare') return true;
  return value.type === 'any' && !namesUnknown(value) && value.values.some(comparesOnly);
}

/** A rule that is never reached because of an earlier one. */
function checkHidden(rule: CompiledRule, rules: readonly CompiledRule[], problems: Problems): void {
  const hider = rules.slice(0, rule.index).find((earlier) => hides(earlier, rule));
  if (hider === undefined) return;
  const name = hider.name ?? `number ${hider.index + 1}`;
  problems.warning(['rules', rule.index], `is never reached: rule "${name}" matches first`);
}

function hides(earlier: CompiledRule, later: CompiledRule): boolean {
  const always =
    !earlier.reportOnly &&
    earlier.from === null &&
    earlier.until === null &&
    earlier.when === null &&
    earlier.except.length === 0;
  return (
    always &&
    later.match.length > 0 &&
    later.match.every((map) => earlier.match.some((wider) => isWider(wider, map)))
  );
}

/** Whether the other map contains every condition of this one. */
function isWider(wider: readonly Condition[], map: readonly Condition[]): boolean {
  return wider.every((condition) =>
    map.some(
      ({ label, wanted, unknownMatchesNot }) =>
        label === condition.label &&
        unknownMatchesNot === condition.unknownMatchesNot &&
        JSON.stringify(wanted) === JSON.stringify(condition.wanted),
    ),
  );
}

/** An allow ends the evaluation: matching phones are never checked for compliance. */
function checkShadow({ index, action, reportOnly, match }: CompiledRule, problems: Problems): void {
  if (action !== 'allow' || reportOnly) return;
  if (!match.every(isNarrow))
    problems.warning(
      ['rules', index, 'action'],
      'phones of every user that match are allowed without a look at compliance',
    );
}

/** Whether a map names users or devices, or facts of compliance. */
function isNarrow(map: readonly Condition[]): boolean {
  return map.some(
    ({ field, wanted }) =>
      field === 'user' ||
      field === 'groups' ||
      field === 'userAttributes' ||
      field === 'deviceId' ||
      (field === 'targeted' && wanted === false) ||
      (field === 'compliant' && wanted === true),
  );
}

function checkRequirement(key: string, at: Path, known: Known, problems: Problems): void {
  if (key.startsWith('attributes.')) {
    checkAttribute(key.slice('attributes.'.length), known.attributes, [...at, 'attributes'], problems);
    return;
  }
  const needed =
    key === 'minimumOs' ? 'osversion' : key === 'checkInWithin' ? 'lastcheckin' : key.toLowerCase();
  if (known.reported !== undefined && !known.reported.has(needed))
    problems.warning([...at, key], 'no feed reports it, so no device can meet it');
}

/** Unused lists. */
function checkLists({ document }: CompiledPolicy, problems: Problems): void {
  const { lists = {}, ...rest } = document;
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.startsWith('@')) used.add(value.slice(1));
    else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) visit(one);
  };
  visit(rest);
  for (const name of Object.keys(lists))
    if (!used.has(name)) problems.warning(['lists', name], 'is not used');
}
