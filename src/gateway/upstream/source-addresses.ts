// Owns the choice of the local address for upstream connections, and which addresses have no free port. No sockets.
import { codeOf } from '../../caught-error.ts';

/** How long an address without a free port is skipped while others have one. */
const PASS_OVER_MS = 1_000;

/**
 * Local addresses, used in turn. A bound connection occupies a port of its address for all servers: Node binds before
 * it connects, without IP_BIND_ADDRESS_NO_PORT (ip(7)).
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

  /** The next address that may have a port, or simply the next one if none may. Undefined = the system chooses. */
  next(): string | undefined {
    const { length } = this.addresses;
    if (length === 0) return undefined;
    for (let tried = 0; tried < length && !this.isFresh(this.turn % length); tried++) this.turn++;
    return this.addresses[this.turn++ % length];
  }

  /** No connection could be made from it; undefined = the system's choice. */
  exhausted(address: string | undefined): void {
    const index = address === undefined ? -1 : this.addresses.indexOf(address);
    if (index !== -1) this.passedOverUntil[index] = this.now() + PASS_OVER_MS;
  }

  /** A connection from it ended: it may have a free port. */
  freed(address: string | undefined): void {
    const index = address === undefined ? -1 : this.addresses.indexOf(address);
    if (index !== -1) this.passedOverUntil[index] = 0;
  }

  /** Whether another address is worth an immediate attempt. */
  get hasAnother(): boolean {
    return this.addresses.some((_address, index) => this.isFresh(index));
  }

  private isFresh(index: number): boolean {
    return (this.passedOverUntil[index] as number) <= this.now();
  }
}

/**
 * Whether a connection failed locally: all ports of the local address are used, or the host lacks the address. The
 * server was not contacted.
 */
export function isOutOfPorts(error: unknown): boolean {
  const code = codeOf(error, null);
  return code === 'EADDRNOTAVAIL' || code === 'EADDRINUSE';
}
