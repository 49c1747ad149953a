// Owns the promises of the prebuilt WBXML replies.
import { describe, expect, it } from 'vitest';
import { allCommands, commandByName } from '../../src/eas/commands.ts';
import type { EasCommand } from '../../src/eas/commands.ts';
import { easStatusReply } from '../../src/eas/replies.ts';
import { decodeWbxml } from '../../src/eas/wbxml/decode.ts';
import { vectors } from '../support/checks/fixtures.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('easStatusReply', () => {
  const ready = vectors<{ vectors: { description: string; hex: string }[] }>(
    'eas-wbxml-vectors',
  ).vectors.filter(({ description }) => /129/.test(description) && !/MoveItems/.test(description));
  for (const { description, hex: expected } of ready) {
    it(`is the ready-made answer: ${description}`, () => {
      const root = decodeWbxml(hex(expected)).name;
      expect(easStatusReply(commandByName(root)?.name as EasCommand, 129)?.toString('hex')).toBe(expected);
    });
  }

  it('is valid WBXML with the right root for every command that has one', () => {
    for (const { name, page } of allCommands()) {
      const reply = easStatusReply(name, 129);
      if (page === -1) expect(reply).toBeNull();
      else expect(decodeWbxml(reply ?? Buffer.alloc(0)).name).toBe(name);
    }
  });
});
