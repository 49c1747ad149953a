// Owns the types of record fields, with description and default. A nullable field is null where it is missing; a field without a
// default is required.
import { z } from 'zod';
import type { DeviceKey, UserKey } from '../identity/keys.ts';

/** A record, read-only at every level. */
export type Immutable<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [K in keyof T]: Immutable<T[K]> };

/** Every field may be absent. */
export type Absentable<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** True, false, or never said. */
export const flag = (description: string) => z.boolean().nullable().meta({ description, default: null });

export const text = (description: string) => z.string().nullable().meta({ description, default: null });

export const textOr = (preset: string, description: string) =>
  z.string().meta({ description, default: preset });

export const number = (description: string) => z.number().nullable().meta({ description, default: null });

export const numberOr = (preset: number, description: string) =>
  z.number().meta({ description, default: preset });

export const texts = (description: string) => z.array(z.string()).meta({ description, default: [] });

/** One of several constants, each with its meaning. */
export const word = <const T extends Readonly<Record<string, string>>>(meanings: T, description: string) =>
  z.enum(Object.keys(meanings) as (keyof T & string)[]).meta({ description, meanings });

// Stored keys are canonical, so reading checks only that they are texts. A schema cannot say so: the type of its values is cast, since a
// transformation would hide the text from the forms of records.
export const userKey = (description: string) =>
  z.string().meta({ description }) as z.ZodType<string> as z.ZodType<UserKey>;

export const deviceKey = (description: string) =>
  z.string().meta({ description }) as z.ZodType<string> as z.ZodType<DeviceKey>;

/** The value of an attribute: text (an ISO 8601 date too), number or boolean. */
export type AttributeValue = string | number | boolean;

/** A flat map of values that the organisation names. */
export const attributes = (description: string) =>
  z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .nullable()
    .meta({ description, default: null });
