// Owns the promise that files of a policy are texts in UTF-8: others would be lists of names that nobody has.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPolicyFile } from '../../src/config/policy-file.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-encoding-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Buffer | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('a file of a policy', () => {
  it.each([
    ['UTF-16 with its mark, as PowerShell writes it', Buffer.from('\ufeffalice\r\n', 'utf16le')],
    ['UTF-16 without its mark', Buffer.from('alice\r\n', 'utf16le')],
    ['Latin-1', Buffer.from('j\u00fcrgen\n', 'latin1')],
  ])('is refused in %s, as a list and as a document', (_, bytes) => {
    write('list.txt', bytes);
    const document = write('policy.yaml', 'lists: { x: { file: list.txt } }\n');
    const { policy, problems } = loadPolicyFile(document);
    expect(policy).toBeNull();
    expect(problems[0]).toMatchObject({
      path: 'lists.x.file',
      message: `${join(folder, 'list.txt')} is not a text in UTF-8: save it as UTF-8`,
    });
    expect(() => loadPolicyFile(write('other.yaml', bytes))).toThrow('save it as UTF-8');
  });

  it('may begin with the mark of UTF-8', () => {
    write('list.txt', '\ufeffalice\r\n');
    const document = write('policy.yaml', '\ufefflists: { x: { file: list.txt } }\n');
    expect(loadPolicyFile(document).policy?.lists.get('x')).toEqual(['alice']);
  });
});
