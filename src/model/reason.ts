// Owns the reasons of verdicts.

/** Published vocabulary of reasons; stable, used in logs, metrics and messages. */
export type VerdictReason =
  | 'compliant'
  | 'notCompliant'
  | 'notEnrolled'
  | 'unknownDevice'
  | 'individualRule'
  | 'wipeRequested'
  | 'wiped'
  | 'storeUnavailable';
