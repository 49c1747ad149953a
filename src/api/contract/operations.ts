// Owns the schemas of each operation: parameters of the path and of the query, body, answer.
import { z } from 'zod';
import * as decisions from './decisions.ts';
import * as devices from './devices.ts';
import * as feeds from './feeds.ts';
import * as journal from './journal.ts';
import * as overview from './overview.ts';
import type { OperationName } from './paths.ts';
import * as policy from './policy.ts';
import * as reports from './reports.ts';
import * as session from './session.ts';
import * as users from './users.ts';

/** Schemas of one operation; what is absent is not taken. */
export interface OperationSchemas {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of the answer; null = 204, without a body. */
  readonly answer: z.ZodType | null;
  /** Absent = 200, or 204 without a body. */
  readonly status?: 201;
  /** Takes the header Idempotency-Key. */
  readonly changes?: true;
  /** Takes the header If-Match, and compares it (RFC 9110 13.1.1). Others refuse it. */
  readonly matches?: true;
  /** The answer has a secret, which is nowhere stored. */
  readonly secret?: true;
  /** The body is a file of any type, which is read as it comes in. */
  readonly file?: true;
  /** Types of files that it answers with instead, where the query asks for one. */
  readonly files?: readonly string[];
}

/** Schemas of an operation that answers with a stream or a file. */
export interface StreamSchemas {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** Types of the answer. */
  readonly types: readonly string[];
  /** Of the data of each event; absent = it is a file. */
  readonly event?: z.ZodType;
}

const device = z.object({ device: z.string().min(1).max(128) });
const user = z.object({ user: z.string().min(1).max(256) });
const version = z.object({ version: z.coerce.number().int().min(1).max(1_000_000_000) });
const feed = z.object({ feed: z.string().min(1).max(64) });
const nothing = null;

/** The schemas, by operation. */
export const SCHEMAS = {
  signInWays: { answer: session.signInWays },
  signIn: { body: session.signInBody, answer: session.session },
  showSession: { answer: session.session },
  signOut: { answer: nothing },

  showOverview: { query: overview.overviewQuery, answer: overview.overview },
  showStatus: { answer: overview.status },

  listDevices: { query: devices.listDevicesQuery, answer: devices.devicePage },
  countDevices: { query: devices.countDevicesQuery, answer: devices.deviceCounts },
  showDevice: { params: device, answer: devices.deviceDetails },
  explainAccess: { params: device, query: devices.explainQuery, answer: devices.explanation },
  decide: {
    params: device,
    body: devices.decideBody,
    answer: devices.decideResult,
    changes: true,
    matches: true,
  },
  clearDecision: {
    params: device,
    query: devices.clearQuery,
    answer: devices.clearResult,
    changes: true,
    matches: true,
  },
  planWipe: { params: device, query: devices.planWipeQuery, answer: devices.wipePlan },
  orderWipe: {
    params: device,
    body: devices.wipeBody,
    answer: devices.decidedOne,
    changes: true,
    matches: true,
  },
  acceptSuccessor: {
    params: device,
    body: decisions.acceptBody,
    answer: decisions.acceptResult,
    changes: true,
  },
  decideMany: { body: decisions.decideManyBody, answer: decisions.decideManyResult, changes: true },
  listDecisions: { query: decisions.listDecisionsQuery, answer: decisions.decisionPage },

  listUsers: { query: users.listUsersQuery, answer: users.userPage },
  showUser: { params: user, answer: users.userDetails },
  decideUser: { params: user, body: users.decideUserBody, answer: users.decideUserResult, changes: true },
  clearUserDecision: { params: user, answer: users.clearUserResult, changes: true },

  showPolicy: { answer: policy.policyInUse },
  listPolicyVersions: { query: policy.policyVersionsQuery, answer: policy.policyVersions },
  showPolicyVersion: { params: version, answer: policy.policyVersion },
  checkPolicy: { body: policy.policyText, answer: policy.policyCheck },
  diffPolicy: { body: policy.diffPolicyBody, answer: policy.diffRun },
  showPolicyDiff: {
    params: z.object({ diff: z.string().max(40) }),
    query: policy.showDiffQuery,
    answer: policy.diffRun,
    files: ['text/csv'],
  },
  publishPolicy: { body: policy.publishBody, answer: policy.publishedVersion, changes: true, matches: true },
  shadowPolicy: { body: policy.shadowBody, answer: policy.publishedVersion, changes: true, matches: true },
  endShadow: { answer: policy.endedShadow, changes: true, matches: true },
  promoteShadow: { body: policy.promoteBody, answer: policy.versionInUse, changes: true, matches: true },
  widenRollout: { body: policy.widenBody, answer: policy.versionInUse, changes: true, matches: true },
  finishRollout: { body: policy.endRolloutBody, answer: policy.versionInUse, changes: true, matches: true },
  abandonRollout: { body: policy.endRolloutBody, answer: policy.versionInUse, changes: true, matches: true },
  rollBackPolicy: { body: policy.rollBackBody, answer: policy.versionInUse, changes: true, matches: true },
  simulate: { body: policy.simulateBody, answer: policy.simulation },

  listFeeds: { answer: feeds.feedList },
  runFeed: { params: feed, body: feeds.runFeedBody, answer: feeds.startedRun, changes: true },
  confirmFeed: { params: feed, answer: feeds.startedRun, changes: true },

  queryJournal: { query: journal.journalQuery, answer: journal.journalPage },
  queryAudit: { query: journal.auditQuery, answer: journal.auditPage },

  showReport: {
    params: reports.reportParams,
    query: reports.reportQuery,
    answer: reports.report,
    files: ['text/csv'],
  },
  importFile: { query: reports.importQuery, answer: reports.importOutcome, file: true },

  listTokens: { answer: z.object({ rows: z.array(session.tokenRow) }) },
  createToken: {
    body: session.tokenBody,
    answer: session.newToken,
    status: 201,
    changes: true,
    secret: true,
  },
  revokeToken: { params: z.object({ token: z.string().max(40) }), answer: nothing, changes: true },
  listSessions: { answer: z.object({ rows: z.array(session.sessionRow) }) },
  endSession: { params: z.object({ session: z.string().max(40) }), answer: nothing, changes: true },
} as const satisfies Partial<Record<OperationName, OperationSchemas>>;

/** An operation that answers with one JSON document. */
export type JsonOperation = keyof typeof SCHEMAS;

const events = ['text/event-stream'];

/** The schemas of the others. */
export const STREAMS = {
  followCounters: { types: events, event: overview.counters },
  followJournal: { query: journal.followJournalQuery, types: events, event: journal.journalRow },
  exportRows: {
    params: reports.exportParams,
    query: reports.exportQuery,
    types: ['text/csv', 'application/x-ndjson'],
  },
} as const satisfies Partial<Record<OperationName, StreamSchemas>>;

/** An operation that answers with a stream or a file. */
export type StreamOperation = keyof typeof STREAMS;

/** The data of an event of a stream. */
export type EventOf<Name extends 'followCounters' | 'followJournal'> = z.output<
  (typeof STREAMS)[Name]['event']
>;

type Field<Name extends JsonOperation, Key extends string> =
  (typeof SCHEMAS)[Name] extends Readonly<Record<Key, infer Schema extends z.ZodType>> ? Schema : never;

/** The query of an operation, as a client sends it. */
export type QueryOf<Name extends JsonOperation> = z.input<Field<Name, 'query'>>;
/** The body, likewise. */
export type BodyOf<Name extends JsonOperation> = z.input<Field<Name, 'body'>>;
/** The answer, as a client gets it. */
export type AnswerOf<Name extends JsonOperation> = z.output<Field<Name, 'answer'>>;
/** Parameters, query and body as the handler gets them. */
export interface InputOf<Name extends JsonOperation> {
  readonly params: z.output<Field<Name, 'params'>>;
  readonly query: z.output<Field<Name, 'query'>>;
  readonly body: z.output<Field<Name, 'body'>>;
}

type StreamField<Name extends StreamOperation, Key extends string> =
  (typeof STREAMS)[Name] extends Readonly<Record<Key, infer Schema extends z.ZodType>> ? Schema : never;

/** Parameters and query of a stream or file as the handler gets them. */
export interface StreamInputOf<Name extends StreamOperation> {
  readonly params: z.output<StreamField<Name, 'params'>>;
  readonly query: z.output<StreamField<Name, 'query'>>;
}
