// Owns the names of the formats. Apart from the mappings, so that commands that read no file load none of them. Pure.

/** What `--format` and `format` of a feed take, but for `auto`. */
export const FORMATS = [
  'intune',
  'graph',
  'exchange',
  'jamf',
  'workspace-one',
  'ivanti',
  'micromdm',
  'csv',
  'ndjson',
] as const;

export type FormatName = (typeof FORMATS)[number];
