// Owns the certificates of a running gateway: taken from disk when they change, and checked each day.
import { certificateEndsByUse, certificateRemarks } from '../config/certificate-checks.ts';
import type { CertificateEnds } from '../config/certificate-checks.ts';
import { readCertificates, readClientCa } from '../config/tls-files.ts';
import type { Config } from '../config/schema.ts';
import { FileWatch } from '../supervisor/file-watch.ts';
import type { OnEvent } from '../supervisor/slot.ts';

/** A certificate that ends is logged this often, until it is renewed. */
const CHECK_MS = 86_400_000;

/** The certificates of one configuration at a time. */
export class CertificateKeeper {
  private config: Config;
  private readonly onEvent: OnEvent;
  private readonly onRenewed: () => void;
  private watch: FileWatch | null = null;
  private daily: NodeJS.Timeout | null = null;
  /** When certificates end, as of the last check. */
  ends: CertificateEnds = new Map();

  /** `onRenewed` makes the workers read the certificates again. */
  constructor(config: Config, onEvent: OnEvent, onRenewed: () => void) {
    this.config = config;
    this.onEvent = onEvent;
    this.onRenewed = onRenewed;
  }

  /** Logs what an operator should look at. The next daily check follows a day later. */
  check(config: Config = this.config): void {
    this.config = config;
    if (this.daily !== null) clearInterval(this.daily);
    this.daily = setInterval(() => this.warn(), CHECK_MS);
    this.daily.unref();
    this.warn();
  }

  /** Watches the files of the configuration, in place of those of the one before. */
  follow(config: Config): void {
    this.watch?.close();
    this.watch = null;
    this.config = config;
    const { tls } = config.listen;
    if (tls === undefined) return;
    const files = tls.certificates.flatMap(({ certificate, key }) => [certificate, key]);
    if (tls.clientCertificate !== undefined) files.push(tls.clientCertificate.ca);
    this.watch = new FileWatch(files, () => this.onChange());
  }

  close(): void {
    this.watch?.close();
    if (this.daily !== null) clearInterval(this.daily);
  }

  private onChange(): void {
    try {
      readCertificates(this.config);
      readClientCa(this.config);
      this.onRenewed();
      this.onEvent('info', { code: 'EASGATE_CERTIFICATES' }, 'new certificates were loaded from disk');
      this.check();
    } catch (error) {
      const facts = { code: 'EASGATE_CERTIFICATES', cause: String(error) };
      this.onEvent('error', facts, 'the certificates could not be loaded: the old ones are still used');
    }
  }

  private warn(): void {
    this.ends = certificateEndsByUse(this.config);
    for (const { place, text, ended } of certificateRemarks(this.config))
      this.onEvent(
        ended ? 'error' : 'warn',
        { code: 'EASGATE_CERTIFICATE_CHECK', place, cause: text },
        'a certificate needs attention',
      );
  }
}
