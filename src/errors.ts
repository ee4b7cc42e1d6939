import type { ExitName } from './core/exit.ts'

/** The exit of each error code. */
export const EXIT_BY_CODE = {
  internal: 'internal',
  output_failed: 'inconclusive',
  option_invalid: 'usage',
  output_over_input: 'usage',
  command_unknown: 'usage',
  setting_invalid: 'usage',
  secret_in_option: 'usage',
  artefact_invalid: 'usage',
  checklist_loosened: 'usage',
  nothing_to_check: 'usage',
  target_invalid: 'usage',
  listen_failed: 'usage',
  server_version_unsupported: 'usage',
  runner_key_invalid: 'usage',
  waiver_invalid: 'usage',
  waiver_altered: 'untrusted',
  migration_invalid: 'usage',
  migration_edited: 'usage',
  migration_unknown: 'usage',
  migration_failed: 'no_go',
  pooler_unsupported: 'usage',
  terminal_missing: 'usage',
  file_exists: 'usage',
  passphrase_weak: 'usage',
  passphrase_wrong: 'usage',
  key_file_missing: 'usage',
  key_file_malformed: 'usage',
  key_file_unreadable: 'inconclusive',
  key_file_loose: 'untrusted',
  signer_failed: 'inconclusive',
  signer_unknown: 'untrusted',
  signature_not_accepted: 'untrusted',
  clock_set_back: 'untrusted',
  trust_refused: 'untrusted',
  signoff_refused: 'untrusted',
  signoff_stale: 'not_ready',
  signed_already: 'usage',
  not_attested: 'not_ready',
  identity_incomplete: 'inconclusive',
  identity_not_said: 'inconclusive',
  request_no_go: 'no_go',
  request_not_ready: 'not_ready',
  request_inconclusive: 'inconclusive',
  schema_drift: 'no_go',
  rows_would_be_lost: 'no_go',
  chains_forked: 'no_go',
  database_left: 'no_go',
  phase_refused: 'no_go',
  step_backed_out: 'inconclusive',
  step_unsettled: 'inconclusive',
  mirror_behind: 'inconclusive',
  outcome_unknown: 'inconclusive',
  idempotency_key_reused: 'usage',
  stopped_missing: 'usage',
  target_unreachable: 'inconclusive',
  request_unsendable: 'inconclusive',
  target_read_only: 'inconclusive',
  target_missing: 'inconclusive',
  production_refused: 'inconclusive',
  disrupt_not_allowed: 'inconclusive',
  command_unanswered: 'inconclusive',
  proof_inconclusive: 'inconclusive',
  sides_alike: 'inconclusive',
  row_refused: 'inconclusive',
  rights_missing: 'inconclusive',
  owner_refused: 'usage',
  service_refused: 'inconclusive',
  place_refused: 'usage',
  store_empty: 'inconclusive',
  store_corrupt: 'inconclusive',
  backing_unavailable: 'inconclusive',
  embedded_unavailable: 'inconclusive',
  disk_full: 'inconclusive',
  system_refused: 'inconclusive',
  evidence_unreadable: 'inconclusive',
  evidence_unwritable: 'inconclusive',
  signoff_unwritable: 'inconclusive',
  evidence_old_form: 'inconclusive',
  log_not_here: 'usage',
  evidence_untrusted: 'untrusted',
  evidence_forked: 'untrusted',
  audit_altered: 'untrusted',
  decision_altered: 'untrusted',
  decision_of_other_version: 'usage',
  evidence_locked: 'busy',
  lock_timeout: 'busy',
  cutover_locked: 'busy',
  store_locked: 'busy',
  migration_locked: 'busy',
  signoff_locked: 'busy',
  import_locked: 'busy',
  export_locked: 'busy',
  timeout: 'timeout',
  interrupted: 'interrupted',
  terminated: 'terminated',
} as const satisfies Readonly<Record<string, ExitName>>
export type ErrorCode = keyof typeof EXIT_BY_CODE

interface ErrorOptions {
  readonly hint: string
  readonly details?: readonly string[]
  readonly unknown?: UnknownName | null
  readonly cause?: unknown
}

/** A name that a user gave, and the names that exist. */
interface UnknownName {
  readonly name: string
  readonly known: readonly string[]
}

/**
 * A failure that this program reports to its user, with the code that decides the exit and a next step. Branch on
 * `code`, never on `message`. Other errors are internal, or an adapter maps them to this one.
 */
export class FfError extends Error {
  override readonly name = 'FfError'
  readonly code: ErrorCode
  /** The next step for the user, in one sentence. */
  readonly hint: string
  /** One line a problem, where there can be several; else empty. */
  readonly details: readonly string[]
  /** The name that is none of those that exist, so that a report can propose the nearest; else null. */
  readonly unknown: UnknownName | null

  constructor(code: ErrorCode, message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? []
    this.unknown = options.unknown ?? null
  }

  /** The name of the exit that `EXIT_BY_CODE` gives for the code. */
  get exitName(): ExitName {
    return EXIT_BY_CODE[this.code]
  }
}
