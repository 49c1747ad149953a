// Owns the list of formats, and which one the names in a record belong to. Pure.
import type { FormatName, Mapping } from './mapping.ts';
import { exchangeDevices, exchangeMailboxes } from './mappings/exchange.ts';
import { graphEntraDevices, graphGroups, graphManagedDevices, graphUsers } from './mappings/graph.ts';
import { intuneDevices } from './mappings/intune.ts';
import { ivantiDevices, ivantiEvents } from './mappings/ivanti.ts';
import { jamfDevices, jamfWebhooks } from './mappings/jamf.ts';
import { microMdmDevices, microMdmEvents } from './mappings/micromdm.ts';
import { ownLines, ownTable } from './mappings/own.ts';
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
  microMdmDevices,
  ownTable,
  ownLines,
];

/** The names of a record or of a table. */
export interface Names {
  has(name: string): boolean;
}

/** How much a set of names speaks for a mapping. */
export interface Match {
  readonly mapping: Mapping;
  readonly score: number;
  /** It has names that only this mapping has, or enough of those that it usually has. */
  readonly isSure: boolean;
}

const SURE = 4;
const ENOUGH = 3;

/** The mappings that know some of the names, the best first. */
export function matches(names: Names, among: readonly Mapping[] = MAPPINGS): Match[] {
  return among
    .map((mapping) => {
      const sure = mapping.sure.filter((name) => names.has(name)).length;
      const typical = mapping.typical.filter((name) => names.has(name)).length;
      return { mapping, score: sure * SURE + typical, isSure: sure > 0 || typical >= ENOUGH };
    })
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score);
}

/** The mapping that names belong to; null = none for certain. */
export function bestMapping(names: Names, among: readonly Mapping[] = MAPPINGS): Mapping | null {
  const [best, ...others] = matches(names, among);
  if (best === undefined || !best.isSure) return null;
  const rival = others.find(({ mapping }) => mapping.format !== best.mapping.format);
  return rival !== undefined && rival.isSure && rival.score >= best.score ? null : best.mapping;
}

/** The mappings of a format. */
export function mappingsOf(format: FormatName): Mapping[] {
  return MAPPINGS.filter((mapping) => mapping.format === format);
}
