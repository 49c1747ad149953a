// Owns the list of formats, and which one the names in a record belong to. Pure.
import type { FormatName } from './format-names.ts';
import type { Mapping } from './mapping.ts';
import { exchangeDevices, exchangeMailboxes } from './mappings/exchange.ts';
import { graphEntraDevices, graphGroups, graphManagedDevices, graphUsers } from './mappings/graph.ts';
import { intuneDevices } from './mappings/intune.ts';
import { ivantiDevices, ivantiEvents } from './mappings/ivanti.ts';
import { jamfDevices, jamfWebhooks } from './mappings/jamf.ts';
import { appleAnswers, microMdmDevices, microMdmEvents } from './mappings/micromdm.ts';
import { ownLines, ownTable } from './mappings/own.ts';
import { EAS_IDS } from './usual-names.ts';
import { names } from './word-lists.ts';
import { workspaceOneDevices, workspaceOneEvents } from './mappings/workspace-one.ts';

/** Every mapping. */
export const MAPPINGS: readonly Mapping[] = [
  intuneDevices,
  graphManagedDevices,
  graphUsers,
  graphGroups,
  graphEntraDevices,
  exchangeDevices,
  exchangeMailboxes,
  jamfDevices,
  jamfWebhooks,
  workspaceOneDevices,
  workspaceOneEvents,
  ivantiDevices,
  ivantiEvents,
  microMdmEvents,
  appleAnswers,
  microMdmDevices,
  ownTable,
  ownLines,
];

/** The names of a record or of a table. */
export interface Names {
  has(name: string): boolean;
}

/**
 * Columns of the id that products and tables of one's own share. They identify no product beside `Compliant`, which neither managed devices
 * of Graph nor Jamf Pro have: read as one of these, the table would lose its compliance.
 */
const SHARED_IDS: ReadonlySet<string> = new Set(EAS_IDS);
const YES_OR_NO = ['compliant', 'iscompliant'];
/** Columns of ids that Jamf Pro and Graph have, but not beside such states as `Compliance Status`; those of Intune's reports may stand beside them. */
const IDS_OF_OTHERS: ReadonlySet<string> = new Set(
  EAS_IDS.filter((name) => name !== 'easactivationid' && name !== 'easid'),
);

/** How much a set of names speaks for a mapping. */
export interface Match {
  readonly mapping: Mapping;
  readonly score: number;
  /** It has a name that only this mapping has. */
  readonly hasSure: boolean;
  /** It has names that only this mapping has, or enough of those that it usually has. */
  readonly isSure: boolean;
}

const SURE = 4;
/** Names that several products have are many; so many of them are enough. */
const ENOUGH = 4;
/** A format that is known by usual names alone must lie so far in front of the next one. */
const LEAD = 0.75;

/** The mappings that know some of the names, the best first. */
export function matches(names: Names, among: readonly Mapping[] = MAPPINGS): Match[] {
  const shared = sharedAmong(names);
  return among
    .map((mapping) => {
      const sure = mapping.sure.filter((name) => names.has(name) && !shared.has(name)).length;
      const typical = mapping.typical.filter((name) => names.has(name)).length;
      return {
        mapping,
        score: sure * SURE + typical,
        hasSure: sure > 0,
        isSure: sure > 0 || typical >= ENOUGH,
      };
    })
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score);
}

/** Which columns of ids identify no product beside the states of a table. */
function sharedAmong(names: Names): ReadonlySet<string> {
  const hasAny = (listed: readonly string[]): boolean => listed.some((name) => names.has(name));
  if (hasAny(YES_OR_NO)) return SHARED_IDS;
  return hasAny(OTHER_STATES) ? IDS_OF_OTHERS : NONE;
}

const NONE: ReadonlySet<string> = new Set();

/** The mapping that names belong to; null = none for certain. */
export function bestMapping(names: Names, among: readonly Mapping[] = MAPPINGS): Mapping | null {
  const all = matches(names, among);
  if (isOwn(names)) return leader(all) ?? among.find(isOwnMapping) ?? null;
  // easgate's own names are common ones: without an id and a state they are no rival of a product.
  return leader(all.filter(({ mapping, hasSure }) => !isOwnMapping(mapping) || hasSure)) ?? leader(all);
}

/** The best match, if it is certain and leads those of all other products; else null. */
function leader([best, ...others]: readonly Match[]): Mapping | null {
  if (best?.isSure !== true) return null;
  const rival = others.find(({ mapping }) => serviceOf(mapping) !== serviceOf(best.mapping))?.score ?? 0;
  return rival < best.score * (best.hasSure ? 1 : LEAD) ? best.mapping : null;
}

function isOwnMapping({ format }: Mapping): boolean {
  return format === 'csv' || format === 'ndjson';
}

/** Reports of Intune and managed devices of Graph are of one service: scripts mix their names, and either mapping reads them. */
function serviceOf({ format }: Mapping): FormatName {
  return format === 'intune' ? 'graph' : format;
}

/** The mapping that names belong to for certain, where the operator asked for the format of another product; null = there is none. */
export function mappingNotAsked(names: Names, asked: FormatName | null): Mapping | null {
  const best = asked === null ? null : bestMapping(names);
  const [first] = asked === null ? [] : mappingsOf(asked);
  if (best === null || first === undefined || isOwnMapping(best)) return null;
  return serviceOf(best) === serviceOf(first) ? null : best;
}

/** What a page of Graph says that it is, as in `…/$metadata#deviceManagement/managedDevices(id,complianceState)`. */
const GRAPH_LISTS: readonly (readonly [name: RegExp, mapping: Mapping])[] = [
  [/^#.*\bmanagedDevices\b/, graphManagedDevices],
  [/^#users\b/, graphUsers],
  [/^#groups\b/, graphGroups],
  [/^#devices\b/, graphEntraDevices],
];

/** The mapping that the context of a page of Graph names: with `$select` it may have few names. null = it names none, or none that knows the record. */
export function mappingByContext(
  row: Names & { get(name: string): unknown },
  among: readonly Mapping[],
): Mapping | null {
  const context = row.get('odatacontext');
  if (typeof context !== 'string' || context.length > MAX_CONTEXT) return null;
  // Searched from one place: a record may bring a context of its own, with very many signs that a list could stand behind.
  const fragment = context.slice(Math.max(0, context.indexOf('#')));
  const listed = GRAPH_LISTS.find(([name]) => name.test(fragment))?.[1];
  // A list `devices` of Intune's data warehouse has devices of Intune, not of Entra.
  const isOfIntune = listed === graphEntraDevices && context.includes('DataWarehouse');
  const mapping = isOfIntune ? graphManagedDevices : listed;
  return mapping !== undefined && among.includes(mapping) && matches(row, [mapping]).length > 0
    ? mapping
    : null;
}

const MAX_CONTEXT = 4_000;

/** A device and what matters of it, or what --print writes of a user or a decision: no product is needed for that. */
export function isOwn(written: Names): boolean {
  const hasAny = (listed: readonly string[]): boolean => listed.some((name) => written.has(name));
  if (hasAny(EAS_IDS) && hasAny(OTHER_STATES)) return true;
  return hasAny(OWN_IDS) && (hasAny(OWN_STATES) || (written.has('type') && hasAny(OWN_OTHERS)));
}

/** States of other products: only beside an id of Exchange ActiveSync, since their `Device ID` is another one. */
const OTHER_STATES = names('compliancestatus managedstatus outofcompliance policycompliancestate');

const OWN_IDS = ['id', 'deviceid', 'device', ...EAS_IDS];
const OWN_STATES = ['managed', 'compliant', 'ismanaged', 'iscompliant', 'compliance', 'enrolled'];
const OWN_OTHERS = ['aliases', 'groups', 'enabled', 'user', 'action'];

const PRODUCTS = MAPPINGS.filter((mapping) => !isOwnMapping(mapping));

/** Whether names are those of a record of a product, whatever else stands beside them. */
export function isOfProduct(written: Names): boolean {
  return PRODUCTS.some(
    ({ sure, typical }) =>
      sure.some((name) => written.has(name)) || typical.filter((name) => written.has(name)).length >= ENOUGH,
  );
}

const NAMES: ReadonlySet<string> = new Set(
  MAPPINGS.flatMap(({ sure, typical, times }) => [...sure, ...typical, ...times]),
);

/** Whether a name is one of those that records of any format usually have. */
export function isKnownName(name: string): boolean {
  return NAMES.has(name);
}

/** The mappings of a format. */
export function mappingsOf(format: FormatName): Mapping[] {
  return MAPPINGS.filter((mapping) => mapping.format === format);
}

/** Which of the mappings reads a record: the one that its names belong to, else the one that knows most of them; null = none knows any. */
export function mappingFor(row: Names, mappings: readonly Mapping[]): Mapping | null {
  return bestMapping(row, mappings) ?? matches(row, mappings)[0]?.mapping ?? null;
}
