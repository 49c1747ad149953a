// Owns the steps of an evaluation as data, for explanations; rendered elsewhere.
import type { Found } from '../compile/conditions.ts';
import type { RequirementState } from '../compile/compliance.ts';
import type { Scene } from '../compile/scene.ts';
import type { RawValue } from '../document/schema.ts';
import type { Reason, StepAction } from '../document/vocabulary.ts';
import type { DecisionAction, DecisionScope } from './facts.ts';
import type { WouldBe } from '../../model/verdict.ts';
import type { Verdict } from './verdict.ts';

/** The result of a step: it decided, evaluation continued, or it would have decided (report-only). */
export type Outcome = 'decides' | 'goesOn' | 'reported';

/** A checked decision. */
export interface DecisionTrace {
  readonly scope: DecisionScope;
  readonly action: DecisionAction;
  readonly by: string | null;
  readonly source: string | null;
  readonly expiresAt: number | null;
  readonly reason: string | null;
  readonly onName?: string;
  readonly progress?: string;
  /** Whether it counts, or why not. */
  readonly state: 'inForce' | 'expired' | 'outweighed' | 'notAllowed';
}

/** A checked condition. */
export interface ConditionTrace {
  readonly field: string;
  readonly wanted: RawValue;
  readonly found: Found;
  readonly holds: boolean;
}

/** Maps of conditions of which one must hold, each up to the condition that fails. */
export type AlternativesTrace = readonly (readonly ConditionTrace[])[];

/** A requirement of a compliance policy. Times are milliseconds since the epoch. */
export interface RequirementTrace {
  readonly requirement: string;
  readonly wanted: string;
  readonly found: Found;
  readonly state: RequirementState;
  /** Unmet since; null = since always, or met. */
  readonly since: number | null;
  /** The step that is due; null = none yet, or met. */
  readonly due: StepAction | null;
  /** When the next step is due. */
  readonly next: number | null;
}

interface StepTrace<Step extends string> {
  readonly step: Step;
  readonly outcome: Outcome;
}

/** One step of the evaluation. */
export type TraceNode =
  | (StepTrace<'unreadableRecord'> & { readonly records: readonly string[] })
  | (StepTrace<'openWipe' | 'acknowledgedWipe' | 'blockByHand' | 'otherDecision'> & {
      readonly decisions: readonly DecisionTrace[];
    })
  | (StepTrace<'disabledUser'> & { readonly enabled: boolean | null; readonly blocks: boolean })
  | (StepTrace<'rule'> & {
      readonly rule: string | null;
      /** Place in the document, from 0. */
      readonly index: number;
      readonly state: 'matches' | 'doesNotMatch' | 'excepted' | 'over' | 'notYet' | 'reportOnly';
      readonly match: AlternativesTrace;
      readonly except: AlternativesTrace;
      readonly when: { readonly expression: string; readonly holds: boolean | null } | null;
    })
  | (StepTrace<'untargeted'> & { readonly targeted: boolean; readonly groupsKnown: boolean })
  | (StepTrace<'unknownDevice'> & { readonly reported: boolean; readonly held: number | null })
  | (StepTrace<'notEnrolled'> & { readonly managed: boolean | null })
  | (StepTrace<'compliancePolicy'> & {
      readonly policy: string | null;
      readonly index: number;
      readonly state: 'deployed' | 'otherGroups' | 'otherDevices' | 'excepted' | 'notYet' | 'reportOnly';
      readonly match: AlternativesTrace;
      readonly except: AlternativesTrace;
      readonly requirements: readonly RequirementTrace[];
    })
  | (StepTrace<'noCompliancePolicy'> & { readonly deployed: number })
  | (StepTrace<'grandfather'> & {
      readonly firstSeen: number | null;
      readonly lastAllowed: number | null;
      readonly until: number;
    })
  | (StepTrace<'deviceLimit'> & { readonly rank: number; readonly limit: number })
  | (StepTrace<'allow'> & { readonly reason: Reason })
  | (StepTrace<'documentReportOnly'> & { readonly wouldBe: WouldBe });

/** Collects the steps of an evaluation. */
export interface Tracer {
  /** A second scene: facts read only for the trace must not affect the verdict. */
  readonly scene: Scene;
  readonly steps: TraceNode[];
}

/** A verdict with its steps. */
export interface Explanation {
  readonly verdict: Verdict;
  readonly steps: readonly TraceNode[];
}
