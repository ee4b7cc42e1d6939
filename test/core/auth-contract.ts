import { readFileSync } from 'node:fs'
import type { AuthContract } from '../../src/core/auth/contract.ts'

const file = new URL('../../contracts/jwks_integration_notes.json', import.meta.url)
/** The contract itself: the rows that the program goes by. */
export const CONTRACT = JSON.parse(readFileSync(file, 'utf8')) as AuthContract
export const MODES = CONTRACT.modes
