// Owns the rows of the file of the admin API: their schemas and types. Times are milliseconds since the epoch.
import { z } from 'zod';
import { ROLES } from '../contract/paths.ts';

/** Whole: the file takes no others. */
const at = z.int();
const role = z.enum(ROLES);

/** A token. */
export const tokenRow = z
  .strictObject({
    id: z.string(),
    hash: z.string(),
    name: z.string(),
    role,
    createdBy: z.string(),
    createdAt: at,
    /** Null = it does not end. */
    expiresAt: at.nullable(),
    lastUsedAt: at.nullable(),
  })
  .readonly();

/** A session. */
export const sessionRow = z
  .strictObject({
    id: z.string(),
    hash: z.string(),
    /** Whose it is, for limits and keys: names are not unique. */
    principal: z.string(),
    /** Who is signed in. */
    name: z.string(),
    role,
    by: z.enum(['token', 'setUp', 'provider']),
    /** The token that it was started with, whose end is its end; null = another way. */
    token: z.string().nullable(),
    createdAt: at,
    lastUsedAt: at,
    expiresAt: at,
  })
  .readonly();

/** A set-up link. */
export const setUpRow = z.strictObject({ hash: z.string(), expiresAt: at }).readonly();

/** A change that is under way. */
export const begunChangeRow = z
  .strictObject({
    id: z.number(),
    at,
    by: z.string(),
    /** Of the API. */
    operation: z.string(),
    /** The path of the request. */
    target: z.string(),
  })
  .readonly();

/** The answer to a request with an Idempotency-Key. */
export const storedAnswerRow = z
  .strictObject({
    /** Of method, path and body. */
    request: z.string(),
    /** Null = the request is still under way. */
    status: z.number().nullable(),
    /** Null = there was none, or it was not kept. */
    body: z.string().nullable(),
  })
  .readonly();

/** A sample of a trend. */
export const sampleRow = z.strictObject({ slot: z.number(), sample: z.string() }).readonly();
/** A row with a number alone. */
export const numberRow = z.strictObject({ number: z.number() });
/** A row with an id alone. */
export const idRow = z.strictObject({ id: z.string() });

/** A stored token. */
export type StoredToken = z.infer<typeof tokenRow>;
/** A stored session. */
export type StoredSession = z.infer<typeof sessionRow>;
/** A stored set-up link. */
export type StoredSetUp = z.infer<typeof setUpRow>;
/** A change that is under way. */
export type BegunChange = z.infer<typeof begunChangeRow>;
/** The answer to a request with an Idempotency-Key. */
export type StoredAnswer = z.infer<typeof storedAnswerRow>;
