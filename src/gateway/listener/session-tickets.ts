// Owns the keys of TLS session tickets. They are derived from one secret, so that every worker and node accepts them,
// and rotate, so that a stolen key exposes a limited time (RFC 9325 3.4).
import { hkdfSync, randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';

/** The AES-128 and HMAC keys that Node requires, and the key name that a ticket carries. */
interface TicketKeys {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

const PART_BYTES = 16;
/** Results of the callback (SSL_CTX_set_tlsext_ticket_key_cb): unknown, good, good and to be renewed. */
const UNKNOWN = 0;
const GOOD = 1;
const RENEW = 2;

type TicketAnswer = [verdict: number, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer];

/** The ticket interface of a native context. Node documents only the option `ticketKeys`, which has no second key. */
interface TicketContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, encrypt: boolean) => TicketAnswer;
}

/** Encrypts tickets with the current key, and accepts the neighbouring ones. */
export class SessionTickets {
  /** Seconds for which a session may be resumed: the lifetime of one encryption key. */
  readonly lifetimeSeconds: number;
  private readonly secret: Buffer;
  private readonly rotationMs: number;
  private readonly resumed: typeof GOOD | typeof RENEW;
  private epoch = -1;
  private keys: readonly TicketKeys[] = [];

  /**
   * `secret` in hex. With `renews` a resuming client gets a new ticket: in TLS 1.3 a client uses each ticket once (RFC
   * 8446 C.4), and OpenSSL sends another only on request. Without, a session ends after its lifetime, as is required
   * when it stands for a client certificate (RFC 8446 4.6.1, last paragraph).
   */
  constructor(secret: string, rotationMs: number, renews: boolean) {
    this.resumed = renews ? RENEW : GOOD;
    this.secret = Buffer.from(secret, 'hex');
    this.rotationMs = rotationMs;
    this.lifetimeSeconds = Math.ceil(rotationMs / 1000);
  }

  /** Throws when this version of Node lacks the interface. */
  attach(context: SecureContext): void {
    const native = context.context as TicketContext;
    if (native.enableTicketKeyCallback === undefined)
      throw new Error('this version of Node does not let session ticket keys be rotated');
    native.onticketkeycallback = (name, iv, encrypt) => this.answer(name, iv, encrypt);
    native.enableTicketKeyCallback();
  }

  private answer(name: Buffer, iv: Buffer, encrypt: boolean): TicketAnswer {
    const keys = this.current();
    const [newest] = keys as [TicketKeys];
    if (encrypt) return [GOOD, newest.hmac, newest.aes, newest.name, randomBytes(PART_BYTES)];
    const found = keys.find((key) => key.name.equals(name));
    if (found === undefined) return [UNKNOWN, newest.hmac, newest.aes, name, iv];
    return [this.resumed, found.hmac, found.aes, name, iv];
  }

  /** Keys of this epoch, the previous one, and the next, which nodes with a fast clock already use. */
  private current(): readonly TicketKeys[] {
    const epoch = Math.floor(Date.now() / this.rotationMs);
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.keys = [epoch, epoch - 1, epoch + 1].map((one) => this.derive(one));
    }
    return this.keys;
  }

  private derive(epoch: number): TicketKeys {
    const info = `easgate ticket ${epoch}`;
    const bytes = Buffer.from(hkdfSync('sha256', this.secret, Buffer.alloc(0), info, 3 * PART_BYTES));
    const part = (index: number): Buffer => bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
    return { name: part(0), hmac: part(1), aes: part(2) };
  }
}
