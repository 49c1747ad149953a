// Owns the promises of the keys of the quarantine mailbox: they carry their state, and nobody else can forge one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INBOX } from '../../src/quarantine/folders.ts';
import { FRESH, KeyMint, isIssued, shortFingerprint } from '../../src/quarantine/keys.ts';
import type { FolderState } from '../../src/quarantine/keys.ts';
import { KEYS, OTHER_KEYS } from '../support/phones/mailbox.ts';

const SECRET = Buffer.alloc(32, 7);
const state: fc.Arbitrary<FolderState> = fc.record({
  counter: fc.nat({ max: 0xffff_ffff }),
  delivered: fc.option(
    fc.stringMatching(/^[0-9a-f]{12}$/).filter((text) => !/^0+$/.test(text)),
    { nil: null },
  ),
  deleted: fc.boolean(),
});

describe('a sync key', () => {
  it('carries its state, also to another gateway and over a restart', () => {
    fc.assert(
      fc.property(state, (wanted) => {
        const key = KEYS.folderKey(INBOX, wanted);
        const elsewhere = new KeyMint(Buffer.from(SECRET), 'ann', 'phone');
        expect(elsewhere.readFolderKey(INBOX, key)).toEqual(wanted);
      }),
    );
  });

  it('is within the maximum length of a key, and recognised as issued here', () => {
    const key = KEYS.folderKey(INBOX, { counter: 0xffff_ffff, delivered: 'f'.repeat(12), deleted: true });
    expect(key.length).toBeLessThanOrEqual(64);
    expect(isIssued(key)).toBe(true);
  });

  it('that was changed anywhere, cut or lengthened is refused', () => {
    fc.assert(
      fc.property(state, fc.nat(), fc.nat({ max: 63 }), (wanted, place, change) => {
        const key = KEYS.folderKey(INBOX, wanted);
        const at = place % key.length;
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const other = key.slice(0, at) + alphabet[change] + key.slice(at + 1);
        if (other !== key) expect(KEYS.readFolderKey(INBOX, other)).toBeNull();
        expect(KEYS.readFolderKey(INBOX, key.slice(0, at))).toBeNull();
        expect(KEYS.readFolderKey(INBOX, `${key}A`)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it('of another phone, user, folder, purpose or secret is refused', () => {
    const key = KEYS.folderKey(INBOX, FRESH);
    expect(KEYS.readFolderKey(INBOX, key)).toEqual(FRESH);
    expect(OTHER_KEYS.readFolderKey(INBOX, key)).toBeNull();
    expect(new KeyMint(SECRET, 'bob', 'phone').readFolderKey(INBOX, key)).toBeNull();
    expect(KEYS.readFolderKey('easg1-sent', key)).toBeNull();
    expect(KEYS.isHierarchyKey(key)).toBe(false);
    expect(KEYS.readFolderKey(INBOX, KEYS.hierarchyKey())).toBeNull();
    expect(new KeyMint(Buffer.alloc(32, 8), 'ann', 'phone').readFolderKey(INBOX, key)).toBeNull();
  });

  it('never equals a key that a mail server issues, and reading such a key never throws', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.constantFrom('0', '1', '{4f1c}17', 'easg1-', 'easg1', ''),
      fc.string().map((text) => `easg1-${text}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(KEYS.readFolderKey(INBOX, text)).toBeNull();
        expect(KEYS.isHierarchyKey(text)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the key of the folders', () => {
  it('is the same for the same phone, and different for every other phone', () => {
    expect(KEYS.isHierarchyKey(new KeyMint(SECRET, 'ann', 'phone').hierarchyKey())).toBe(true);
    expect(KEYS.isHierarchyKey(OTHER_KEYS.hierarchyKey())).toBe(false);
  });
});

describe('a policy key', () => {
  it('is a number of 32 bits, never 0, and differs between the phases of Provision', () => {
    for (let device = 0; device < 100; device++) {
      const keys = new KeyMint(SECRET, 'ann', String(device));
      const [temporary, final] = [keys.policyKey('temporary'), keys.policyKey('final')];
      for (const key of [temporary, final]) expect(key > 0 && key <= 0xffff_ffff).toBe(true);
      expect(temporary).not.toBe(final);
    }
  });
});

describe('a fingerprint', () => {
  it('is short, and differs between messages', () => {
    expect(shortFingerprint('a')).toMatch(/^[0-9a-f]{12}$/);
    expect(shortFingerprint('a')).not.toBe(shortFingerprint('b'));
  });
});
