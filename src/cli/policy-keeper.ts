// Owns the policy document that the configuration names, as a running gateway serves it: read, watched, and replaced when it changes.
import { ConfigError } from '../config/problems.ts';
import type { Config } from '../config/schema.ts';
import { PolicyError, policyHash, servedPolicy } from '../config/served-policy.ts';
import type { PolicySource, ServedPolicy } from '../config/served-policy.ts';
import { simpleActions } from '../policy/compile/simple-policy.ts';
import { FileWatch } from '../supervisor/file-watch.ts';
import type { OnEvent } from '../supervisor/slot.ts';
import type { GatewayStatus } from '../supervisor/status-server.ts';

/** A document is read once it is unchanged for this time. */
const SETTLE_MS = 150;

/** The policy of one configuration at a time. */
export class PolicyKeeper {
  private config: Config;
  private readonly onEvent: OnEvent;
  private readonly apply: (policy: PolicySource) => void;
  private readonly inTurn: (work: () => void) => void;
  private watch: FileWatch | null = null;
  private closed = false;
  private current: ServedPolicy | null = null;

  /** `apply` makes the workers use a document; `inTurn` runs what reads it, not in the middle of a reload, which reads it too. */
  constructor(
    config: Config,
    onEvent: OnEvent,
    apply: (policy: PolicySource) => void,
    inTurn: (work: () => void) => void,
  ) {
    this.config = config;
    this.onEvent = onEvent;
    this.apply = apply;
    this.inTurn = inTurn;
  }

  /** The one in use; null = none was read yet. */
  get served(): ServedPolicy | null {
    return this.current;
  }

  /** Reads the policy of a configuration, which is then the one in use. @throws ConfigError */
  read(config: Config): ServedPolicy {
    this.current = servedPolicy(config);
    return this.current;
  }

  /** The workers still decide by this one. */
  restore(policy: ServedPolicy | null): void {
    this.current = policy;
  }

  /** For the status of the gateway. */
  look(): Pick<GatewayStatus, 'policy' | 'warnings'> {
    const { policy, source, warnings } = this.current ?? servedPolicy(this.config);
    return {
      policy: {
        name: policy.name,
        file: this.config.policy.file ?? null,
        hash: source === null ? null : policyHash(source),
        ...(source === null && { actions: simpleActions(this.config.policy) }),
      },
      warnings,
    };
  }

  /** Watches the document of a configuration and its lists, in place of those before; `more` = files that are missing yet. */
  follow(config: Config, more: readonly string[] = []): void {
    this.watch?.close();
    this.watch = null;
    this.config = config;
    const { file } = config.policy;
    if (file === undefined || this.closed) return;
    const files = new Set([file, ...Object.keys(this.current?.source?.texts ?? {}), ...more]);
    this.watch = new FileWatch([...files], () => this.inTurn(() => this.onChange()), SETTLE_MS);
  }

  close(): void {
    this.closed = true;
    this.watch?.close();
  }

  /** An invalid document changes nothing. */
  private onChange(): void {
    if (this.closed) return;
    try {
      const { source, policy, warnings } = this.read(this.config);
      if (source !== null) this.apply(source);
      this.onEvent(
        'info',
        { code: 'EASGATE_POLICY', policy: policy.name ?? undefined },
        'a new policy is in use',
      );
      for (const problem of warnings)
        this.onEvent('warn', { code: 'EASGATE_POLICY_WARNING', problem }, 'look at the policy');
      this.follow(this.config);
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [String(error)];
      this.onEvent(
        'error',
        { code: 'EASGATE_POLICY_REJECTED', problems },
        'the old policy is still used: correct the document, which is then read again automatically',
      );
      // A missing list file may be created later.
      this.follow(this.config, error instanceof PolicyError ? error.files : []);
    }
  }
}
