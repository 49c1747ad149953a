// Owns the reasons of verdicts.

/** Published vocabulary of reasons; stable, used in logs, metrics, messages and the API. */
export const REASONS = [
  'wipeRequested',
  'wiped',
  'userDisabled',
  'individualRule',
  'deviceRule',
  'notTargeted',
  'unknownDevice',
  'awaitingReport',
  'notEnrolled',
  'notCompliant',
  'notEncrypted',
  'compromised',
  'osTooOld',
  'notCheckedIn',
  'noManagedMailProfile',
  'attributeNotMet',
  'inGracePeriod',
  'grandfathered',
  'noCompliancePolicy',
  'tooManyDevices',
  'compliant',
  'reportOnly',
  'storeUnavailable',
] as const;

/** One of them. */
export type VerdictReason = (typeof REASONS)[number];
