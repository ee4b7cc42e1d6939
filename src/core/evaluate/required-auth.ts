import type { FlagRow } from '../rows/rows.ts'
import type { AuthMode } from './types.ts'

/** Whether a mode is good enough for what a flag requires (page 1, rule 3). */
export function satisfiesRequiredAuth(mode: AuthMode, required: FlagRow['required_auth']): boolean {
  if (required === 'none') return true
  return required === 'any' ? mode !== 'none' : mode === 'verified'
}
