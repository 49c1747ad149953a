// Owns which local address the next connection to a mail server comes from, and which ones had no port left. No sockets.

/** An address without a free port is passed over this long, while others have one. */
const PASS_OVER_MS = 1_000;

/**
 * Local addresses, in turn. A connection that is bound to one takes a port of it for itself, whatever server it goes to:
 * Node binds before it connects, without IP_BIND_ADDRESS_NO_PORT (ip(7)).
 */
export class SourceAddresses {
  private readonly addresses: readonly string[];
  private readonly now: () => number;
  private readonly passedOverUntil: number[];
  private turn = 0;

  constructor(addresses: readonly string[], now: () => number) {
    this.addresses = addresses;
    this.now = now;
    this.passedOverUntil = addresses.map(() => 0);
  }

  /** The next one that may have a port; when none may, the next one all the same. Undefined = the system chooses. */
  next(): string | undefined {
    const { length } = this.addresses;
    if (length === 0) return undefined;
    for (let tried = 0; tried < length && !this.isFresh(this.turn % length); tried++) this.turn++;
    return this.addresses[this.turn++ % length];
  }

  /** No connection could be made from it; undefined = from what the system chose. */
  exhausted(address: string | undefined): void {
    const index = address === undefined ? -1 : this.addresses.indexOf(address);
    if (index !== -1) this.passedOverUntil[index] = this.now() + PASS_OVER_MS;
  }

  /** A connection from it ended: it may have a port again. */
  freed(address: string | undefined): void {
    const index = address === undefined ? -1 : this.addresses.indexOf(address);
    if (index !== -1) this.passedOverUntil[index] = 0;
  }

  /** Whether it is worth trying another one at once. */
  get hasAnother(): boolean {
    return this.addresses.some((_address, index) => this.isFresh(index));
  }

  private isFresh(index: number): boolean {
    return (this.passedOverUntil[index] as number) <= this.now();
  }
}

/**
 * Whether a connection failed on this side: all ports of the local address are taken, or the host does not have that
 * address. The server was never asked.
 */
export function isOutOfPorts(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'EADDRNOTAVAIL' || code === 'EADDRINUSE';
}
