// Owns the warning about mail servers that answer OPTIONS to requests without credentials, against MS-ASHTTP 2.2.3.1.2.
import type { OnTrouble } from '../trouble.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Logs it once per server, and again after it was fixed and returned. */
export class OpenOptions {
  private readonly onTrouble: OnTrouble;
  private readonly open = new Set<UpstreamServer>();

  constructor(onTrouble: OnTrouble) {
    this.onTrouble = onTrouble;
  }

  /** Notes the result of a bare OPTIONS to `server`. */
  note(server: UpstreamServer, isOpen: boolean): void {
    if (!isOpen) {
      this.open.delete(server);
    } else if (!this.open.has(server)) {
      this.open.add(server);
      this.onTrouble('EASGATE_OPTIONS_OPEN', { server: server.settings.name });
    }
  }
}
