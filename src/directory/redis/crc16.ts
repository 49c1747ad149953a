// Owns CRC-16/XMODEM, which Redis Cluster uses for its slots (Redis Cluster specification, appendix A).

const POLYNOMIAL = 0x1021;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

/** Of an ASCII text. */
export function crc16(text: string): number {
  let crc = 0;
  for (let at = 0; at < text.length; at += 1)
    crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ text.charCodeAt(at)) & 0xff] ?? 0)) & 0xffff;
  return crc;
}
