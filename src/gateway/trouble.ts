// Owns the type of the callback by which the data plane reports events to the operator, with a code of docs/reference/errors.md or
// docs/guide/logs.md.

/** Reports an event; codes are stable. */
export type OnTrouble = (code: string, facts: Readonly<Record<string, unknown>>) => void;
