// Owns what columns say against a device in every format, whatever the format's own columns say: products add columns, and exports are
// joined with others. Pure.
// Rule: these columns only deny. Their yes, a word that is not known, and their absence say nothing.
import { deviceLine } from './mapping.ts';
import type { DeviceFacts, RecordReader } from './mapping.ts';
import { inEnglish } from './own-languages.ts';
import type { DeviceLine, RefusedLine } from './record.ts';
import { fieldName, wordOf } from './row.ts';
import type { Columns } from './row.ts';
import { LEFT_COLUMNS, meansLeft } from './several-columns.ts';
import { complianceOf, compromisedOf, encryptedOf, flagOf, managedOf, textOf } from './values.ts';
import { names } from './word-lists.ts';
import { NON_COMPLIANT, NOTHING, NO, NO_COMPLIANCE, OPEN } from './words.ts';
import type { Compliance } from './words.ts';

const MANAGED = names(`
  managed ismanaged enrolled isenrolled mdmenrolled mdmenabled managedstatus managementstatus mdmstatus enrollmentstatus enrollmentstate
`);
/** States of other products: only a word for a device that left means anything there. */
const STATES = names(`
  status state devicestatus devicestate managementstate registrationstatus registrationstate enrollmentstatus
  enrollmentstate mdmstatus
`);
const COMPLIANCE = names(`
  compliant iscompliant compliance compliancestate compliancestatus policycompliance policycompliancestate
  policycompliancestatus devicecompliance mdmcompliance
`);
/** Columns whose yes means that a device does not comply, also by what the source did about it. */
const RESTRICTED = names(`
  noncompliant notcompliant isnoncompliant outofcompliance isoutofcompliance quarantined isquarantined inquarantine blocked
  isblocked
`);
/** Numbers of requirements that are not met. */
const COUNTS = names(`
  violations violationcount violationscount policyviolations policyviolationcount policyviolationscount
  noncompliantpolicies noncompliantpolicycount failedpolicies complianceviolations
`);
/** Requirements that are not met, or why the device does not comply. */
const REASONS = names(`
  violatedpolicies policiesviolated noncompliancereason noncompliancereasons noncompliantreason noncompliantreasons
  failedpolicies noncompliantpolicies noncompliantrules outofcompliancereason outofcompliancereasons complianceviolations
  compliancefailures
`);
const COMPROMISED = names(`
  jailbroken isjailbroken rooted isrooted compromised iscompromised compromisedstatus jailbreakstatus jailbreakdetected
  rootstatus rootdetected jailbrokenrooted securitystate commonsecuritystate devicecompromised devicecompromisedstatus deviceiscompromised
  compromisestatus compromiseddevice jailbrokenorrooted
`);
const ENCRYPTED = names(`
  encrypted isencrypted encryption encryptionstatus dataencryption dataencrypted storageencrypted storageencryption deviceencryptionstatus
`);

const ALL = [
  ...new Set([
    ...MANAGED,
    ...STATES,
    ...COMPLIANCE,
    ...RESTRICTED,
    ...COUNTS,
    ...REASONS,
    ...COMPROMISED,
    ...ENCRYPTED,
  ]),
];
const NONE: readonly string[] = [];

/** Those of some names that a record has. Most records of JSON have few of them all, which are looked up once. */
type Present = (listed: readonly string[]) => readonly string[];

function presentIn({ row }: RecordReader): Present {
  const { columns } = row;
  if (columns !== undefined) return (listed) => columnsAmong(columns, listed);
  const present = ALL.filter((name) => row.has(name));
  return present.length === 0 ? () => NONE : (listed) => listed.filter((name) => present.includes(name));
}

/** The columns of a table that have one of the listed names, also in another language: `Verwaltet` beside `Managed`. Found once for a table. */
function columnsAmong(columns: Columns, listed: readonly string[]): readonly string[] {
  let lists = found.get(columns);
  if (lists === undefined) found.set(columns, (lists = new Map()));
  let among = lists.get(listed);
  if (among === undefined) {
    const isListed = (name: string): boolean =>
      listed.includes(name) || listed.includes(fieldName(inEnglish(name)));
    lists.set(listed, (among = [...new Set(columns.names)].filter(isListed)));
  }
  return among;
}

const found = new WeakMap<Columns, Map<readonly string[], readonly string[]>>();

/** A device line of the facts that a mapping read, less what other columns of the record deny. */
export function checkedLine(reader: RecordReader, facts: DeviceFacts): DeviceLine | RefusedLine {
  return deviceLine(reader, withDenials(reader, facts));
}

function withDenials(reader: RecordReader, facts: DeviceFacts): DeviceFacts {
  const of = presentIn(reader);
  const isGood = facts.managed === true && facts.hasLeft !== true;
  // If the record does not say whether the device is managed, such a state also makes a compliant device doubtful.
  const isPraised = isGood || (facts.managed !== false && facts.compliance?.compliant === true);
  const mayHaveLeft =
    isPraised && notes(reader, of(STATES), meansLeft, isGood ? SAID_TO_HAVE_LEFT : LEFT_AND_COMPLIES);
  const isUnmanaged =
    isGood && !mayHaveLeft && notes(reader, of(MANAGED), isUnmanagedBy, SAID_TO_BE_UNMANAGED);
  const compliance = complianceIn(reader, of, facts.compliance ?? NO_COMPLIANCE);
  return {
    ...facts,
    managed: mayHaveLeft ? null : isUnmanaged ? false : (facts.managed ?? null),
    compliance: mayHaveLeft && compliance.compliant === true ? NO_COMPLIANCE : compliance,
    compromised: says(reader, of(COMPROMISED), compromisedOf, true) ? true : (facts.compromised ?? null),
    encrypted: says(reader, of(ENCRYPTED), encryptedOf, false) ? false : (facts.encrypted ?? null),
  };
}

function says(
  reader: RecordReader,
  listed: readonly string[],
  meaning: (text: string | null) => boolean | null | undefined,
  worse: boolean,
): boolean {
  return listed.some((name) => textsOf(reader, name).some((text) => meaning(text) === worse));
}

/** What a column says, and each of several columns of one name, which may deny what the others say. */
function textsOf(reader: RecordReader, name: string): readonly string[] {
  const text = reader.text(name);
  return text === null ? reader.row.differing(name) : [text];
}

/** The first of some columns whose text means something, which is noted. */
function notes(
  reader: RecordReader,
  listed: readonly string[],
  means: (text: string, name: string) => boolean,
  what: string,
): boolean {
  for (const name of listed) {
    const text = textsOf(reader, name).find((one) => means(one, name));
    if (text === undefined) continue;
    reader.problem(name, text, what);
    return true;
  }
  return false;
}

const SAID_TO_HAVE_LEFT = 'is a word for a device that left, and the device is said to be managed';
const LEFT_AND_COMPLIES = 'means that the device left, but the record says that it complies';
const SAID_TO_BE_UNMANAGED = 'denies that the device is managed';

/** Whether a field says something against a device, or that it left, and nothing for it: what stands around a record may be no more than that. */
export function denies(key: string, value: unknown): boolean {
  const name = fieldName(key);
  const text = textOf(value);
  if (text === null) return false;
  return (
    LEFT_COLUMNS.includes(name) ||
    (STATES.includes(name) && meansLeft(text)) ||
    (MANAGED.includes(name) && isUnmanagedBy(text)) ||
    (COMPLIANCE.includes(name) && deniesCompliance(text, name)) ||
    (RESTRICTED.includes(name) && flagOf(text) === true) ||
    (COMPROMISED.includes(name) && compromisedOf(text) === true) ||
    (ENCRYPTED.includes(name) && encryptedOf(text) === false)
  );
}

function isUnmanagedBy(text: string): boolean {
  return managedOf(text) === false;
}

function complianceIn(reader: RecordReader, of: Present, said: Compliance): Compliance {
  if (said.compliant === null && isDeniedByAll(reader, of(COMPLIANCE))) return NON_COMPLIANT;
  if (said.compliant !== true) return said;
  if (notes(reader, of(RESTRICTED), (text) => flagOf(text) === true, 'denies that the device complies'))
    return NON_COMPLIANT;
  const isContradicted =
    notes(reader, of(COMPLIANCE), deniesCompliance, 'is another word for the compliance of the device') ||
    (!said.inGrace && hasUnmet(reader, of));
  return isContradicted ? NO_COMPLIANCE : said;
}

/** Whether the columns with `complian` in their names deny that the device complies, all of those that hold a word. */
function isDeniedByAll(reader: RecordReader, listed: readonly string[]): boolean {
  if (listed.length === 0) return false;
  const said = reader.row.withPart('complian').map((name) => [reader.text(name), name] as const);
  const words = said.filter(([text]) => text !== null && !NOTHING.has(wordOf(text)));
  return words.length > 0 && words.every(([text, name]) => text !== null && deniesCompliance(text, name));
}

/** A number is a state of its own in each product; in a column that is yes or no it is 0. */
function deniesCompliance(text: string, name: string): boolean {
  if (/^\p{N}/u.test(text)) return text === '0' && name.endsWith('compliant');
  return complianceOf(text)?.compliant === false;
}

function hasUnmet(reader: RecordReader, of: Present): boolean {
  const what = 'is not met, and the device is said to comply';
  if (notes(reader, of(COUNTS), (text) => /^0*[1-9]\d{0,8}$/.test(text), what)) return true;
  for (const name of of(REASONS)) {
    const value = reader.row.get(name);
    const reasons = (Array.isArray(value) ? (value as unknown[]) : [value]).map(textOf).filter(isReason);
    if (reasons.length === 0) continue;
    reader.problem(name, reasons.join(', '), what);
    return true;
  }
  return false;
}

/** Not `none`, `no`, `0` or `compliant`. */
function isReason(text: string | null): text is string {
  if (text === null || /^\{\s*\}$|^\[\s*\]$/.test(text)) return false;
  const word = wordOf(text);
  const isNone = NOTHING.has(word) || OPEN.has(word) || NO.has(word) || /^\d+$/.test(word);
  return !isNone && complianceOf(text)?.compliant !== true;
}
