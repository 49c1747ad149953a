// Owns the promises of suggestions for misspelt names.
import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '../src/suggest.ts';

describe('nearest', () => {
  it.each([
    ['adress', 'address'],
    ['PORT', 'port'],
    ['prot', 'port'],
    ['maxHeader', 'maxHeaders'],
    ['timeout', null],
    ['x', null],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearest(typed, ['address', 'port', 'maxHeaders', 'tls'])).toBe(meant);
  });

  it('is the nearest known name, when it is near', () => {
    expect(nearest('platfrom', ['platform', 'partnership'])).toBe('platform');
    expect(nearest('OSVERSION', ['os', 'osVersion'])).toBe('osVersion');
    expect(nearest('zebra', ['platform', 'os'])).toBeNull();
    expect(nearest('heal', ['healthCheck'])).toBe('healthCheck');
    expect(nearest('x'.repeat(65), ['x'.repeat(64)])).toBeNull();
  });

  it('is named in a message, or nothing is', () => {
    expect(didYouMean('blok', ['allow', 'block'])).toBe(' (did you mean "block"?)');
    expect(didYouMean('zebra', ['allow', 'block'])).toBe('');
  });
});
