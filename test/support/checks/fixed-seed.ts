// Owns the seed of generated values, set before each file: `npm test` tries the same values each time, so that a change does not fail for a fault
// that was there before. `npm run test:long` tries others; fast-check names the seed of a failure.
import fc from 'fast-check';

const SEED = 20_261_129;

const given = process.env['EASGATE_FUZZ_SEED'];
if (given !== undefined) fc.configureGlobal({ seed: Number(given) });
else if (process.env['EASGATE_FUZZ_RUNS'] === undefined) fc.configureGlobal({ seed: SEED });
