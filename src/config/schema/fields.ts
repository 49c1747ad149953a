// Owns the kinds of fields that several sections of the configuration share.
import { z } from 'zod';

/** An action of the policy. */
export const action = z.enum(['allow', 'block', 'quarantine']);

/** A secret: the value itself, the name of an environment variable, or the path of a file that holds it. */
export const secret = z.union([
  z.string().min(1),
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
]);

/** A secret as written in the file. */
export type Secret = z.infer<typeof secret>;

/** IP addresses and CIDR blocks. */
export const ranges = z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]));

/** The lowest TLS version. */
export const tlsVersion = z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('lowest TLS version');

/** The path of a mail server's own page. */
export const serverPath = z
  .string()
  .regex(/^\/[A-Za-z0-9./_-]+$/, 'must be a path that begins with /: letters, digits and . _ / -');

/** A time in seconds, above 0 and at most a day. */
export function seconds(value: number, what: string): z.ZodDefault<z.ZodNumber> {
  return z.number().positive().max(86_400).default(value).describe(`${what}, in seconds`);
}

/** A whole number from 1. */
export function count(value: number, what: string): z.ZodDefault<z.ZodNumber> {
  return z.number().int().min(1).max(1_000_000_000).default(value).describe(what);
}

/** A whole number from 0, where 0 usually turns a limit off. */
export function atLeastZero(value: number, what: string): z.ZodDefault<z.ZodNumber> {
  return z.number().int().min(0).max(1_000_000_000_000).default(value).describe(what);
}

/** The path of a file. */
export function file(what: string): z.ZodString {
  return z.string().min(1).describe(what);
}

/** Whether a text is http(s)://host:port, without user, path or query. */
export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && bare;
}
