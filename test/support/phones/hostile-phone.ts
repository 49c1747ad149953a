// Owns sending hostile bytes to a gateway, beside a well-behaved phone whose answers prove that the gateway has read them.
import { FOLDER_SYNC, request } from '../servers/test-gateway.ts';
import { Wire } from './wire.ts';

/** The device of the well-behaved phone. */
export const CANARY_DEVICE = 'CANARY1';

/** The received bytes. */
export interface Played {
  readonly text: string;
  /** The gateway closed its side before we closed ours. */
  readonly ended: boolean;
}

/** Runs one connection after the other. */
export class HostilePhone {
  /** Requests of the well-behaved phone so far. */
  canaries = 0;
  private readonly port: number;
  private readonly phone: Wire;

  private constructor(port: number, phone: Wire) {
    this.port = port;
    this.phone = phone;
  }

  static async open(port: number): Promise<HostilePhone> {
    return new HostilePhone(port, await Wire.open(port));
  }

  /** One request and answer of the well-behaved phone. */
  async canary(): Promise<void> {
    const { phone } = this;
    phone.received = '';
    phone.send(request('FolderSync', FOLDER_SYNC, [], CANARY_DEVICE));
    await phone.until(() => phone.received.endsWith('\r\n\r\nok'), 'the answer to the well-behaved phone');
    this.canaries++;
  }

  /** Sends the bytes, waits for this number of responses and the end, if any, then until no more bytes can arrive. */
  async play(bytes: string, answers: number, closes: boolean): Promise<Played> {
    const wire = await Wire.open(this.port);
    try {
      wire.send(bytes);
      await wire.until(() => wire.received.split('HTTP/1.1 ').length - 1 >= answers, `${answers} answers`);
      if (closes) await wire.until(() => wire.ended, 'the gateway to close');
      let before: string;
      do {
        before = wire.received;
        await this.canary();
        await this.canary();
      } while (wire.received !== before);
      const { ended, received } = wire;
      wire.end();
      await wire.until(() => wire.closed, 'the connection to close');
      return { text: received, ended };
    } finally {
      wire.destroy();
    }
  }

  close(): void {
    this.phone.destroy();
  }
}
