// Owns the reasons of verdicts.
import type { z } from 'zod';
import { word } from './fields.ts';

/** Published vocabulary of reasons; stable, used in logs, metrics and messages. */
export const verdictReasonSchema = word(
  {
    compliant: 'the device is managed and meets the requirements',
    notCompliant: 'the device is managed and does not meet the requirements, or that was never reported',
    notEnrolled: 'a feed knows the device and says that it is not managed',
    unknownDevice: 'no feed knows the device',
    individualRule: 'an operator decided on the device or the partnership',
    wipeRequested: 'a wipe was ordered and is not acknowledged',
    wiped: 'a wipe was carried out',
    storeUnavailable: 'the directory cannot be asked, or holds a record that is not understood',
  },
  'Why a verdict is as it is',
);

/** Published vocabulary of reasons. */
export type VerdictReason = z.infer<typeof verdictReasonSchema>;
