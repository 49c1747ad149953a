// Owns following the versions of the policy in the directory: which are live, rolled out and in the shadow; each is compiled once.
import { isDeepStrictEqual } from 'node:util';
import { versionPolicy } from '../config/stored-policy.ts';
import type { PolicyRecords } from '../directory/policy-records.ts';
import { readPolicyState, readPolicyVersion } from '../model/policy-version.ts';
import type { PolicyVersion, StoredRollout } from '../model/policy-version.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { inTurns } from '../in-turns.ts';

/** A version that was compiled. */
export interface VersionInUse {
  readonly version: PolicyVersion;
  readonly policy: CompiledPolicy;
}

/** A version that is rolled out to some users. */
export interface RolloutInUse extends VersionInUse {
  readonly rollout: StoredRollout;
}

/** The versions in use; null = none. */
export interface PoliciesInUse {
  readonly live: VersionInUse | null;
  readonly shadow: VersionInUse | null;
  readonly rollout: RolloutInUse | null;
}

/** Nothing of the directory is in use. */
export const NO_VERSIONS: PoliciesInUse = { live: null, shadow: null, rollout: null };

/** Called after each change, and with an error when the directory, or what it holds, cannot be read: the versions in use stay. */
export interface PolicyListener {
  readonly onChange: (policies: PoliciesInUse, before: PoliciesInUse) => void;
  readonly onError: (error: unknown) => void;
}

/** Pause before the versions are read again after a failure. */
const RETRY_MS = 1_000;

/** Follows the versions from {@link start} to {@link close}. */
export class PolicyFollower {
  private readonly records: PolicyRecords;
  private readonly listener: PolicyListener;
  private inUse: PoliciesInUse = NO_VERSIONS;
  private reading: Promise<void> | null = null;
  /** The versions changed while they were read. */
  private again = false;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(records: PolicyRecords, listener: PolicyListener) {
    this.records = records;
    this.listener = listener;
  }

  /** The versions in use. */
  get current(): PoliciesInUse {
    return this.inUse;
  }

  /** Reads what is in use now. Rejects when it cannot be read: a gateway that starts must not decide by another policy. */
  async start(): Promise<PoliciesInUse> {
    this.inUse = await this.read();
    return this.inUse;
  }

  /** The versions may have changed. */
  check(): void {
    if (this.closed) return;
    this.again = this.reading !== null;
    if (this.again) return;
    this.reading = this.follow().finally(() => {
      this.reading = null;
      if (this.again) this.check();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    await this.reading;
  }

  private async follow(): Promise<void> {
    try {
      const found = await this.read();
      const before = this.inUse;
      if (found.live === before.live && found.shadow === before.shadow && found.rollout === before.rollout)
        return;
      this.inUse = found;
      if (!this.closed) this.listener.onChange(found, before);
    } catch (error) {
      if (this.closed) return;
      this.listener.onError(error);
      if (this.retry !== null) clearTimeout(this.retry);
      this.retry = setTimeout(() => this.check(), RETRY_MS);
      this.retry.unref();
    }
  }

  private async read(): Promise<PoliciesInUse> {
    const { live, shadow, rollout } = readPolicyState(await this.records.state());
    return {
      live: await this.compiled(live),
      shadow: await this.compiledShadow(shadow),
      rollout: await this.rolledOut(rollout),
    };
  }

  /** A roll-out that is in use already stays the same object. */
  private async rolledOut(rollout: StoredRollout | null): Promise<RolloutInUse | null> {
    const compiled = await this.compiled(rollout?.version ?? null);
    if (rollout === null || compiled === null) return null;
    const { rollout: known } = this.inUse;
    if (known?.policy === compiled.policy && isDeepStrictEqual(known.rollout, rollout)) return known;
    return { ...compiled, rollout };
  }

  /**
   * A version that is in use already is not compiled again. Versions never change, but a directory that was restored may give the
   * number of a lost one to another.
   */
  private async compiled(number: number | null): Promise<VersionInUse | null> {
    return number === null ? null : this.compiledText(number, await this.records.version(number));
  }

  /** The shadow decides nothing: one that cannot be used must not keep the others from being taken. It is reported. */
  private async compiledShadow(number: number | null): Promise<VersionInUse | null> {
    if (number === null) return null;
    const text = await this.records.version(number);
    try {
      return await this.compiledText(number, text);
    } catch (error) {
      this.listener.onError(error);
      return null;
    }
  }

  private async compiledText(number: number, text: string | null): Promise<VersionInUse> {
    if (text === null) throw new Error(`the directory has no version ${number} of the policy`);
    const version = readPolicyVersion(number, text);
    const known = Object.values(this.inUse).find((one: VersionInUse | null) =>
      isDeepStrictEqual(one?.version, version),
    );
    if (known !== undefined && known !== null) return known;
    return { version, policy: await inTurns(versionPolicy(version)) };
  }
}
