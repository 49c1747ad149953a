// Owns the English words for states, reasons and actions.

/** A reason: `short` in tables, `sentence` in headers. */
export interface ReasonText {
  readonly short: string;
  readonly sentence: string;
}

const reason = (short: string, sentence: string): ReasonText => ({ short, sentence });

export const states = {
  allowed: 'Allowed',
  quarantined: 'Quarantined',
  blocked: 'Blocked',
  wiping: 'Wipe pending',
  unseen: 'Not seen yet',
  unknown: 'Unknown',
};

/** By the published vocabulary of reasons. */
export const reasons: Readonly<Record<string, ReasonText>> = {
  wipeRequested: reason('Wipe ordered', 'An operator ordered a wipe, and the device has not confirmed it.'),
  wiped: reason('Wiped', 'The device confirmed that it was wiped.'),
  userDisabled: reason('Account disabled', 'The account of the user is disabled.'),
  individualRule: reason('By hand', 'An operator decided so.'),
  deviceRule: reason('Access rule', 'An access rule of the policy matches.'),
  notTargeted: reason('Not targeted', 'Conditional access does not apply to the user.'),
  unknownDevice: reason('Unknown to every feed', 'No feed knows the device.'),
  awaitingReport: reason(
    'Waiting for a report',
    'No feed knows the device yet, and one may still report it.',
  ),
  notEnrolled: reason('Not enrolled', 'The device is not enrolled in device management.'),
  notCompliant: reason('Not compliant', 'Device management does not report the device as compliant.'),
  notEncrypted: reason('Storage not encrypted', 'The storage of the device is not encrypted.'),
  compromised: reason('Security problem found', 'Device management found a security problem on the device.'),
  osTooOld: reason('System too old', 'The system of the device is older than the policy requires.'),
  notCheckedIn: reason('No recent check-in', 'The device has not contacted device management for too long.'),
  noManagedMailProfile: reason(
    'Mail profile not managed',
    'The mail account was not set up by device management.',
  ),
  attributeNotMet: reason(
    'Attribute not met',
    'An attribute of the device does not have the value that the policy requires.',
  ),
  inGracePeriod: reason(
    'In grace',
    'A requirement is not met, and no step of the policy refuses the phone for it yet.',
  ),
  grandfathered: reason('In use before the policy', 'The device was in use before the policy.'),
  noCompliancePolicy: reason('No compliance policy', 'No compliance policy applies to the user and device.'),
  tooManyDevices: reason('Too many devices', 'The user has more devices than the policy allows.'),
  compliant: reason('Compliant', 'The device is managed and meets the requirements.'),
  reportOnly: reason('Report only', 'The policy only reports; it refuses nothing.'),
  storeUnavailable: reason('Store unavailable', 'The store does not answer, or a record cannot be read.'),
};
