// Owns a policy document compiled for evaluation.
import type { PolicyDocument } from '../document/schema.ts';
import type { Lists, Value } from '../document/value.ts';
import type { Action } from '../document/vocabulary.ts';
import type { CompiledCompliancePolicy } from './compliance.ts';
import type { RequestKeys } from './request-keys.ts';
import type { RuleIndex } from './rule-index.ts';
import type { CompiledRule } from './rules.ts';
import type { IsTargeted } from './scene.ts';

/** The action for one kind of phone, e.g. `notEnrolled`. */
export interface StandingAction {
  readonly action: Action;
  readonly reportOnly: boolean;
}

/** Users by name or group; null = not used in the document. */
export interface Who {
  readonly groups: Value | null;
  readonly users: Value | null;
}

/** Phones in use before the policy. */
export interface Grandfather {
  /** Milliseconds since the epoch. */
  readonly firstSeenBefore: number;
  /** Milliseconds since the epoch: must have been allowed at or after it; null = at any time. */
  readonly allowedSince: number | null;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** A compiled policy. */
export interface CompiledPolicy extends RequestKeys {
  readonly document: PolicyDocument;
  /** The entries of the lists of the document, also of those in files, by name. */
  readonly lists: Lists;
  readonly name: string | null;
  readonly reportOnly: boolean;
  /** Null = everyone is targeted. */
  readonly targets: { readonly include: Who | null; readonly exclude: Who | null } | null;
  readonly isTargeted: IsTargeted;
  readonly untargeted: StandingAction;
  readonly blocksDisabledUsers: boolean;
  readonly rules: readonly CompiledRule[];
  /** The rule of each row of the index, and the compliance policy of each row of the other. */
  readonly ruleRows: readonly CompiledRule[];
  readonly ruleIndex: RuleIndex;
  readonly unknownDevice: StandingAction & { readonly holdMs: number | null };
  readonly notEnrolled: StandingAction;
  readonly compliance: readonly CompiledCompliancePolicy[];
  readonly complianceRows: readonly CompiledCompliancePolicy[];
  readonly complianceIndex: RuleIndex;
  /**
   * An unmet requirement that no step will ever refuse is allowed with its own reason: the grace period of `inGracePeriod` would
   * never end.
   */
  readonly admitsUnmet: boolean;
  readonly noCompliancePolicy: StandingAction;
  readonly limits: (StandingAction & { readonly devicesPerUser: number }) | null;
  /** Devices of a user that were allowed within this time are ranked; milliseconds. */
  readonly activeWithinMs: number;
  readonly grandfather: Grandfather | null;
  readonly messages: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
