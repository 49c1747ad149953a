// Owns the reasons that a message can explain, and the fallback for reasons without a text.

/** Reasons with their own text in every language. */
export const MESSAGE_REASONS = [
  'compliant',
  'notCompliant',
  'notEnrolled',
  'unknownDevice',
  'deviceRule',
  'individualRule',
  'globalRule',
  'mailboxPolicy',
  'compromised',
  'tooManyDevices',
  'storeUnavailable',
] as const;

/** A reason with its own text. */
export type MessageReason = (typeof MESSAGE_REASONS)[number];

const known: ReadonlySet<string> = new Set(MESSAGE_REASONS);

/** Reasons that share the text of another one. Among them are reasons of allowed phones, which may still show an old message. */
const alike: ReadonlyMap<string, MessageReason> = new Map([
  ['inGracePeriod', 'compliant'],
  ['grandfathered', 'compliant'],
  ['reportOnly', 'compliant'],
  ['awaitingReport', 'unknownDevice'],
  ['notEncrypted', 'notCompliant'],
  ['osTooOld', 'notCompliant'],
  ['notCheckedIn', 'notCompliant'],
  ['noManagedMailProfile', 'notCompliant'],
  ['attributeNotMet', 'notCompliant'],
]);

/**
 * The reason whose text explains `reason`. Unknown reasons map to `globalRule`, the most general text: a rule holds the
 * device; ask this contact.
 */
export function messageReason(reason: string): MessageReason {
  if (known.has(reason)) return reason as MessageReason;
  return alike.get(reason) ?? 'globalRule';
}
