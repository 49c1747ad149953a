// Owns the types of the answers of the admin API on the command line: the documents of the use cases, with times in milliseconds.
import type { AnswerOf, EventOf, JsonOperation } from '../../api/contract/operations.ts';
import type { StoredToken } from '../../api/auth/admin-rows.ts';
import type { ApplyOutcome } from '../../app/apply-outcome.ts';
import type { DecisionRow } from '../../app/decision-list.ts';
import type { ClearResult, DecideResult } from '../../app/decide.ts';
import type { Decided } from '../../app/write-decision.ts';
import type { UserClearResult, UserDecideResult } from '../../app/decide-user.ts';
import type { ExplainedDocument } from '../../app/explain-access-json.ts';
import type { FeedHealth } from '../../app/feed-runs/schedule.ts';
import type { ImportOutcome } from '../../app/import-file.ts';
import type { DeviceDetails } from '../../app/device-details.ts';
import type { PolicyDiff } from '../../app/policy-diff.ts';
import type { StepDocument, VerdictDocument } from '../../app/explanation-json.ts';
import type { PolicyHistoryEntry } from '../../app/policy-history.ts';
import type { Standing } from '../../app/standing.ts';
import type { AcceptResult, Succession } from '../../app/successors.ts';
import type { FromIsoTimes } from '../../app/times.ts';
import type { UserDetails } from '../../app/users.ts';
import type { WipePlan } from '../../app/wipe.ts';
import type { ModelRow } from '../../directory/read-model/model-row.ts';
import type { ModelUser } from '../../directory/read-model/model-users.ts';
import type { AuditEntry, JournalEntry } from '../../model/journal.ts';
import type { ShadowSum } from '../../model/shadow.ts';
import type { ControlStatus, ModelStatus } from '../../supervisor/control-messages.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';

/** An answer as the contract describes it. */
type Described<Name extends JsonOperation> = FromIsoTimes<AnswerOf<Name>>;
/** A document in which some fields are those of a use case. */
type With<Document, Fields> = Omit<Document, keyof Fields> & Fields;
type Scalar = string | number | boolean | null | undefined;

/** Names of fields of a document that the contract neither describes nor leaves open: the API leaves them out. */
type Undescribed<Document, Answer> = Document extends Scalar
  ? never
  : Document extends readonly (infer Entry)[]
    ? Exclude<Answer, Scalar> extends readonly (infer Shown)[]
      ? Undescribed<Entry, Shown>
      : never
    : string extends keyof Exclude<Answer, Scalar>
      ? never
      : {
          [Key in keyof Document]-?: Key extends keyof Exclude<Answer, Scalar>
            ? Undescribed<Document[Key], Exclude<Answer, Scalar>[Key]>
            : Key;
        }[keyof Document];

/** Does not compile where a document lacks something that the contract describes, or has something that the API leaves out. */
type Fulfilling<
  Documents extends {
    readonly [Name in keyof Documents]: [
      Undescribed<Documents[Name], AnswerOf<Name & JsonOperation>>,
    ] extends [never]
      ? Described<Name & JsonOperation>
      : never;
  },
> = Documents;

/** A token without its hash. */
export type ShownToken = Omit<StoredToken, 'hash'>;

/** A feed, and the latest run that somebody started at the gateway. */
export type RemoteFeed = FeedHealth & { readonly schedule: string | null; readonly byHand: RemoteRun | null };
/** A run that somebody started at the gateway. */
export type RemoteRun = With<
  NonNullable<Described<'runFeed'>['run']>,
  { readonly outcome: ApplyOutcome | null }
>;

type StartedRun = With<Described<'runFeed'>, { readonly run: RemoteRun | null }>;
type DiffRun = With<Described<'diffPolicy'>, { readonly diff: PolicyDiff | null }>;
type RemoteShadow = With<
  NonNullable<Described<'showPolicy'>['shadow']>,
  { readonly counts: ShadowSum | null }
>;
interface Simulated {
  readonly verdict: VerdictDocument & Record<'validUntil' | 'since' | 'recheckAt', number | null>;
  readonly steps: readonly StepDocument[];
}
type PageOf<Name extends JsonOperation, Row> = With<Described<Name>, { readonly rows: readonly Row[] }>;

/**
 * The documents of use cases that the API sends as they are. Each has all that the contract describes, with the types of the use case:
 * the contract leaves some of it open.
 */
type Documents = Fulfilling<{
  listDevices: PageOf<'listDevices', ModelRow>;
  listUsers: PageOf<'listUsers', ModelUser>;
  listDecisions: PageOf<'listDecisions', DecisionRow>;
  showDevice: DeviceDetails & Succession & Standing;
  showUser: UserDetails & Standing;
  explainAccess: ExplainedDocument;
  decide: DecideResult;
  clearDecision: ClearResult;
  acceptSuccessor: AcceptResult;
  decideUser: UserDecideResult;
  clearUserDecision: UserClearResult;
  planWipe: Omit<WipePlan, 'named' | 'reason'> & { readonly users: readonly string[] };
  orderWipe: Decided;
  showPolicy: With<Described<'showPolicy'>, { readonly shadow: RemoteShadow | null }>;
  listPolicyVersions: PageOf<'listPolicyVersions', PolicyHistoryEntry>;
  diffPolicy: DiffRun;
  showPolicyDiff: DiffRun;
  listFeeds: PageOf<'listFeeds', RemoteFeed>;
  runFeed: StartedRun;
  confirmFeed: StartedRun;
  queryJournal: PageOf<'queryJournal', JournalEntry>;
  queryAudit: PageOf<'queryAudit', AuditEntry>;
  simulate: With<Described<'simulate'>, Simulated>;
  importFile: ImportOutcome;
  listTokens: { readonly rows: readonly ShownToken[] };
  createToken: ShownToken & { readonly secret: string };
  showStatus: With<
    Described<'showStatus'>,
    {
      readonly phase: GatewayStatus['phase'] | 'unknown';
      readonly policy: GatewayStatus['policy'] | null;
      readonly workers: GatewayStatus['workers'];
      readonly control: ControlStatus & {
        readonly readModel: ModelStatus & { readonly bytes: number | null };
      };
    }
  >;
}>;

/** The answer to an operation. */
export type DocumentOf<Name extends JsonOperation> = Name extends keyof Documents
  ? Documents[Name]
  : Described<Name>;

/** The data of an event of `followJournal`. */
export type JournalEvent = JournalEntry & FromIsoTimes<EventOf<'followJournal'>>;
