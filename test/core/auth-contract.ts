import { readFileSync } from 'node:fs'
import type { AuthContract } from '../../src/core/auth/contract.ts'

const file = new URL('../../contracts/jwks_integration_notes.json', import.meta.url)
/** The auth contract that the program uses. */
export const CONTRACT = JSON.parse(readFileSync(file, 'utf8')) as AuthContract
export const MODES = CONTRACT.modes
