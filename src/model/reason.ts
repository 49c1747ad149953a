// Owns the reasons of verdicts.
import type { z } from 'zod';
import { word } from './fields.ts';

/** Published vocabulary of reasons; stable, used in logs, metrics, messages and the API. */
export const verdictReasonSchema = word(
  {
    wipeRequested: 'a wipe was ordered and is not acknowledged',
    wiped: 'a wipe was carried out',
    userDisabled: 'the account of the user is disabled',
    individualRule: 'an operator decided on the device or the partnership',
    deviceRule: 'an access rule of the policy matched',
    notTargeted: 'conditional access does not apply to the user',
    unknownDevice: 'no feed knows the device',
    awaitingReport: 'no feed knows the device yet, and one may still report it',
    notEnrolled: 'a feed reports that the device is not managed',
    notCompliant: 'the device is managed, but not compliant, or its compliance was never reported',
    notEncrypted: 'the device is not encrypted',
    compromised: 'the device is jailbroken, rooted or under attack',
    osTooOld: 'the operating system is older than the policy requires',
    notCheckedIn: 'the last contact of the device with device management is too long ago',
    noManagedMailProfile: 'the mail account was not set up by device management',
    attributeNotMet: 'an attribute of the device does not have the value that the policy requires',
    inGracePeriod: 'a requirement is not met, and no step of the policy refuses the phone for it yet',
    grandfathered: 'the phone was in use before the policy',
    noCompliancePolicy: 'no compliance policy is deployed to the user and device',
    tooManyDevices: 'the user has more devices than the policy allows',
    compliant: 'the device is managed and meets the requirements',
    reportOnly: 'the policy has mode reportOnly',
    storeUnavailable: 'the directory is unavailable, or has a malformed record',
  },
  'The reason of a verdict',
);

/** Published vocabulary of reasons. */
export type VerdictReason = z.infer<typeof verdictReasonSchema>;
/** All reasons. */
export const REASONS = verdictReasonSchema.options;
