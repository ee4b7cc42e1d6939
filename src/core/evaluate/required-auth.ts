import type { FlagRow } from '../rows/rows.ts'
import type { AuthMode } from './types.ts'

/**
 * Whether an authentication mode satisfies a flag's `required_auth`, rule 3 of the precedence: `none` takes every
 * mode, `any` every mode but `none`, and `verified` only `verified`.
 */
export function satisfiesRequiredAuth(mode: AuthMode, required: FlagRow['required_auth']): boolean {
  if (required === 'none') return true
  return required === 'any' ? mode !== 'none' : mode === 'verified'
}
