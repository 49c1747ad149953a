// Owns the tokens of WBXML that EAS uses (MS-ASWBXML 2.1.2; WBXML 1.3, 7.1).

/** Version 1.3, public id 1 (unknown), UTF-8, no string table. */
export const HEADER: readonly number[] = [0x03, 0x01, 0x6a, 0x00];

export const SWITCH_PAGE = 0x00;
export const END = 0x01;
export const STR_I = 0x03;
export const OPAQUE = 0xc3;

/** Bits of a tag token. */
export const ATTRIBUTES = 0x80;
export const CONTENT = 0x40;
/** Mask of the tag number; tokens below 5 are global tokens. */
export const TAG = 0x3f;
export const FIRST_TAG = 0x05;

/** Longest length field: four septets, 2^28 - 1, above every body limit. */
export const MAX_LENGTH_OCTETS = 4;
export const MAX_LENGTH = 0x0fff_ffff;
