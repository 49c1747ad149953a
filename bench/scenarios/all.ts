// Owns the list of all scenarios, in the order of a whole run.
import { COLD_SCENARIOS } from './cold.ts';
import { FLEET_BLOCK_SCENARIOS } from './fleet-block.ts';
import { IMPORT_SCENARIOS } from './import.ts';
import { HANDSHAKE_SCENARIOS } from './handshakes.ts';
import { HELD_POLL_SCENARIOS } from './held-polls.ts';
import { JOURNAL_SCENARIOS } from './journal.ts';
import { L1_SCENARIOS } from './l1.ts';
import { LIST_HTTP_SCENARIOS } from './list-http.ts';
import { POLICY_CHANGE_SCENARIOS } from './policy-change.ts';
import { POLICY_SCENARIOS } from './policy.ts';
import { POLLS_AGAIN_SCENARIOS } from './polls-again.ts';
import { READ_MODEL_SCENARIOS } from './read-model.ts';
import { REQUEST_SCENARIOS } from './requests.ts';
import type { Scenario } from './scenario.ts';
import { SWEEP_SCENARIOS } from './sweep-beside.ts';
import { TRANSFER_SCENARIOS } from './transfers.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...REQUEST_SCENARIOS,
  ...HANDSHAKE_SCENARIOS,
  ...HELD_POLL_SCENARIOS,
  ...TRANSFER_SCENARIOS,
  ...COLD_SCENARIOS,
  ...POLICY_SCENARIOS,
  ...POLICY_CHANGE_SCENARIOS,
  ...POLLS_AGAIN_SCENARIOS,
  ...READ_MODEL_SCENARIOS,
  ...IMPORT_SCENARIOS,
  ...L1_SCENARIOS,
  ...FLEET_BLOCK_SCENARIOS,
  ...SWEEP_SCENARIOS,
  ...LIST_HTTP_SCENARIOS,
  ...JOURNAL_SCENARIOS,
];
