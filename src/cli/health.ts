// Owns `easgate health`.
import type { Command } from 'commander';
export function registerHealth(program: Command): void {
  program.command('health');
}
