import type { AuthMode, AuthSource, Principal, Warning } from '../evaluate/types.ts'
import {
  ENVIRONMENTS,
  type Environment,
  type AuthRefusalCode,
  type AuthRefusal,
  AUTH_REFUSALS,
} from './types.ts'

/** The results of checking a credential; the mode matrix maps each to an outcome. */
export const CONDITIONS = [
  'verified',
  'verified_without_kid',
  'verified_stale',
  'keys_unreachable',
  'keys_misconfigured',
  'keys_unconfigured',
  'refresh_unreachable',
  'refresh_misconfigured',
  'token_malformed',
  'crit_unsupported',
  'alg_not_allowed',
  'kid_ambiguous',
  'kid_absent',
  'key_not_usable',
  'signature_invalid',
  'claim_missing',
  'issuer_mismatch',
  'audience_mismatch',
  'token_not_yet_valid',
  'token_expired',
  'context_invalid',
  'dev_headers',
  'no_token',
] as const
export type Condition = (typeof CONDITIONS)[number]

/** The principal's mode, source and warnings that the matrix grants. */
export type AuthGrant = Pick<Principal, 'mode' | 'source' | 'warnings'>
export type ModeOutcome = AuthGrant | AuthRefusal

/** A row of the mode matrix: `contracts/jwks_integration_notes.json`. */
export interface ModeRow {
  readonly id: string
  readonly when: readonly {
    readonly condition: Condition
    readonly environments: readonly Environment[]
  }[]
  readonly outcome:
    | {
        readonly mode: AuthMode
        readonly source: AuthSource
        readonly warnings: readonly Warning[]
      }
    | { readonly refused: AuthRefusalCode; readonly http: number }
}

/** The outcome for a condition in an environment. */
export type ModeMatrix = (condition: Condition, environment: Environment) => ModeOutcome

/**
 * Builds the lookup from condition and environment to the outcome: a grant with its warnings sorted, or a refusal
 * with its HTTP status.
 *
 * @param rows without faults (`findModeFaults`), so every combination has an outcome; else it can be undefined
 */
export function buildModeMatrix(rows: readonly ModeRow[]): ModeMatrix {
  const places = new Map<string, ModeOutcome>()
  for (const { when, outcome: said } of rows) {
    const outcome = 'refused' in said ? said : { ...said, warnings: [...said.warnings].sort() }
    for (const { condition, environments } of when)
      for (const environment of environments) places.set(`${condition} ${environment}`, outcome)
  }
  return (condition, environment) => places.get(`${condition} ${environment}`) as ModeOutcome
}

export type ModeFaultCode =
  | 'place_empty'
  | 'rows_contradict'
  | 'not_outside_dev'
  | 'verified_without_signature'
  | 'warning_differs'
  | 'status_differs'
export interface ModeFault {
  readonly code: ModeFaultCode
  /** Index of the row; null where a row is missing. */
  readonly row: number | null
  readonly detail: string
}

/**
 * Every combination of condition and environment without an outcome (`place_empty`) or with different ones
 * (`rows_contradict`), then every row that breaks a rule of the mode matrix (docs/reference/auth.md); empty where the
 * matrix is valid. Each has the index of its row and, as detail, the combination or the row's id.
 */
export const findModeFaults = (rows: readonly ModeRow[]): readonly ModeFault[] => [
  ...findPlaceFaults(rows),
  ...rows.flatMap((row, at) =>
    ROW_RULES.filter(([, breaks]) => breaks(row)).map(([code]) => ({
      code,
      row: at,
      detail: row.id,
    })),
  ),
]

function findPlaceFaults(rows: readonly ModeRow[]): readonly ModeFault[] {
  return CONDITIONS.flatMap((condition) =>
    ENVIRONMENTS.flatMap((environment): ModeFault[] => {
      const matches = rows.flatMap((row, at) => (covers(row, condition, environment) ? [at] : []))
      const [first] = matches
      const detail = `${condition} in ${environment}`
      if (first === undefined) return [{ code: 'place_empty', row: null, detail }]
      const said = formatOutcome(rows[first] as ModeRow)
      return matches
        .filter((at) => formatOutcome(rows[at] as ModeRow) !== said)
        .map((at) => ({ code: 'rows_contradict', row: at, detail }))
    }),
  )
}
const covers = ({ when }: ModeRow, condition: Condition, environment: Environment): boolean =>
  when.some((one) => one.condition === condition && one.environments.includes(environment))
const formatOutcome = ({ outcome }: ModeRow): string =>
  'refused' in outcome
    ? `${outcome.refused} ${outcome.http}`
    : `${outcome.mode} ${outcome.source} ${[...outcome.warnings].sort().join()}`

const UNVERIFIED: ReadonlySet<AuthMode> = new Set(['decode-only', 'dev-headers'])
type RowRule = readonly [code: ModeFaultCode, breaks: (row: ModeRow) => boolean]
/** Rules that every row must keep, whatever the matrix says. */
const ROW_RULES: readonly RowRule[] = [
  [
    'not_outside_dev',
    ({ outcome, when }) =>
      'mode' in outcome &&
      UNVERIFIED.has(outcome.mode) &&
      when.some(({ environments }) => environments.some((one) => one !== 'dev+H')),
  ],
  [
    'verified_without_signature',
    ({ outcome, when }) =>
      when.some(
        ({ condition }) =>
          condition.startsWith('verified') !== ('mode' in outcome && outcome.mode === 'verified'),
      ),
  ],
  [
    'warning_differs',
    ({ outcome }) =>
      'mode' in outcome &&
      UNVERIFIED.has(outcome.mode) !== outcome.warnings.includes('auth_not_verified'),
  ],
  [
    'status_differs',
    ({ outcome }) => 'refused' in outcome && AUTH_REFUSALS[outcome.refused] !== outcome.http,
  ],
]
