// Owns the schemas of each operation: parameters of the path and of the query, body, answer.
import { z } from 'zod';
import * as devices from './devices.ts';
import * as overview from './overview.ts';
import type { OperationName } from './paths.ts';
import * as session from './session.ts';

/** Schemas of one operation; what is absent is not taken. */
export interface OperationSchemas {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of the answer; null = 204, without a body. */
  readonly answer: z.ZodType | null;
  /** Absent = 200, or 204 without a body. */
  readonly status?: 201;
  /** Takes the headers If-Match and Idempotency-Key. */
  readonly changes?: true;
}

const device = z.object({ device: z.string().min(1).max(128) });
const user = z.object({ user: z.string().min(1).max(256) });
const nothing = null;

/** The schemas, by operation. */
export const SCHEMAS = {
  signInWays: { answer: session.signInWays },
  signIn: { body: session.signInBody, answer: session.session },
  showSession: { answer: session.session },
  signOut: { answer: nothing },

  showOverview: { answer: overview.overview },
  showStatus: { answer: overview.status },

  listDevices: { query: devices.listDevicesQuery, answer: devices.devicePage },
  countDevices: { query: devices.countDevicesQuery, answer: devices.deviceCounts },
  showDevice: { params: device, answer: devices.deviceDetails },
  explainAccess: { params: device, query: devices.explainQuery, answer: devices.explanation },
  decide: { params: device, body: devices.decideBody, answer: devices.decideResult, changes: true },
  clearDecision: { params: device, query: devices.clearQuery, answer: devices.clearResult, changes: true },
  planWipe: { params: device, query: devices.planWipeQuery, answer: devices.wipePlan },
  orderWipe: { params: device, body: devices.wipeBody, answer: devices.decidedOne, changes: true },
  decideMany: { body: devices.decideManyBody, answer: devices.decideManyResult, changes: true },
  listDecisions: { query: devices.listDecisionsQuery, answer: devices.decisionPage },

  listUsers: { query: devices.listUsersQuery, answer: devices.userPage },
  showUser: { params: user, answer: devices.userDetails },
  decideUser: { params: user, body: devices.decideUserBody, answer: devices.decideResult, changes: true },
  clearUserDecision: { params: user, answer: devices.clearResult, changes: true },

  listTokens: { answer: z.object({ rows: z.array(session.tokenRow) }) },
  createToken: { body: session.tokenBody, answer: session.newToken, status: 201, changes: true },
  revokeToken: { params: z.object({ token: z.string().max(40) }), answer: nothing, changes: true },
  listSessions: { answer: z.object({ rows: z.array(session.sessionRow) }) },
  endSession: { params: z.object({ session: z.string().max(40) }), answer: nothing, changes: true },
} as const satisfies Partial<Record<OperationName, OperationSchemas>>;

/** An operation that has schemas; the others answer with something else than one JSON document. */
export type JsonOperation = keyof typeof SCHEMAS;

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
