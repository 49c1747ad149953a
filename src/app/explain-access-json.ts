// Owns the JSON document of an explained access, the same for the command line and the API.
import type { ExplainedAccess, KnownFact } from './explain-access.ts';
import type { Config } from '../config/schema.ts';
import { phoneReply } from './phone-reply.ts';
import type { PhoneReply } from './phone-reply.ts';
import { stepDocument } from './explanation-json.ts';
import type { StepDocument } from './explanation-json.ts';
import { isoTime } from './times.ts';

/** The document of an explained access. */
export type ExplainedDocument = Omit<ExplainedAccess, 'steps' | 'verdict' | 'seen'> & {
  readonly verdict: Omit<ExplainedAccess['verdict'], 'validUntil'> & { readonly validUntil: number | null };
  readonly steps: readonly StepDocument[];
  readonly reply: PhoneReply;
};

/** The document; its times are milliseconds where the fields of {@link withIsoTimes} have them. */
export function explainedDocument(
  { user, device, aliases, known, decidedBy, verdict, steps, seen }: ExplainedAccess,
  config: Config,
): ExplainedDocument {
  const validUntil = Number.isFinite(verdict.validUntil) ? verdict.validUntil : null;
  return {
    user,
    device,
    aliases,
    known: known.map((fact) => ({ ...fact, value: shownValue(fact) })),
    decidedBy,
    verdict: { ...verdict, validUntil },
    steps: steps.map(stepDocument),
    reply: phoneReply(config, verdict, { user, device }, seen),
  };
}

/** A value for people: times are numbers in the records. */
function shownValue({ field, value }: KnownFact): unknown {
  return typeof value === 'number' && isTime(field) ? isoTime(value) : value;
}

function isTime(field: string): boolean {
  return /(?:Since|CheckIn|Until|At)$/.test(field);
}
