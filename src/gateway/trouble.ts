// Owns how the data plane tells the operator of something: a code of docs/reference/errors.md or docs/guide/operations.md.

/** Something the operator should know; codes are stable. */
export type OnTrouble = (code: string, facts: Readonly<Record<string, unknown>>) => void;
