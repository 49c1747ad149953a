// Owns how counts are written for people, in texts of commands, logs and the API: 12,846. Numbers that are names (versions, ports,
// processes, places) and numbers for programs (JSON, CSV) have no separators. Pure.

/** 12846 → 12,846. */
export function numberText(value: number): string {
  return value.toLocaleString('en');
}
