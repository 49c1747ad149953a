// Owns the search of an address in many ranges at once.
import { maskOf } from '../../ip-address.ts';
import type { Address, AddressRange } from '../../ip-address.ts';

/** Whether an address lies in one of the ranges; IPv4 ranges are found by a table for each length of prefix. */
export function compileRanges(ranges: readonly AddressRange[]): (address: Address) => boolean {
  const tables: { readonly mask: number; readonly prefixes: Set<number> }[] = [];
  const byBits = new Map<number, Set<number>>();
  const six: { readonly words: readonly number[]; readonly masks: readonly number[] }[] = [];
  for (const { address, bits } of ranges) {
    if (address.length === 1) {
      let prefixes = byBits.get(bits);
      if (prefixes === undefined) {
        prefixes = new Set();
        byBits.set(bits, prefixes);
        tables.push({ mask: maskOf(bits), prefixes });
      }
      prefixes.add(address[0] & maskOf(bits));
    } else {
      const masks = [0, 1, 2, 3].map((index) => maskOf(bits - index * 32));
      six.push({ words: address.map((word, index) => word & (masks[index] ?? 0)), masks });
    }
  }
  return (address) => {
    if (address.length === 1) {
      for (const { mask, prefixes } of tables) if (prefixes.has(address[0] & mask)) return true;
      return false;
    }
    for (const { words, masks } of six) {
      let index = 0;
      while (index < 4 && ((address[index] ?? 0) & (masks[index] ?? 0)) === words[index]) index++;
      if (index === 4) return true;
    }
    return false;
  };
}
