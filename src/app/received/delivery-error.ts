// Owns the error of a refused delivery: its code, its text, and how long the sender should wait before it tries again.
import type { ProgramErrorCode } from '../../errors/program-errors.ts';

/** Codes of refused deliveries. */
export type DeliveryCode = Extract<ProgramErrorCode, `EASGATE_DELIVERY_${string}` | 'EASGATE_HELD'>;

/** A delivery that was not carried out; the text is for its sender, and names neither hosts nor files. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly code: DeliveryCode;
  /** Seconds; null = the same delivery will be refused again. */
  readonly retryAfter: number | null;

  constructor(code: DeliveryCode, text: string, retryAfter: number | null = null) {
    super(text);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}
