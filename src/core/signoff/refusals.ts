/**
 * Every reason that a sign-off does not count, with its consequence: `refused` means that a signature or a file
 * cannot be trusted (exit 23), `inconclusive` that nothing says who may sign (22), `stale` that it must be signed again,
 * `missing` that a signature is absent (both 21).
 */
export const SIGNOFF_REFUSALS = {
  // the trust file
  trust_missing: 'inconclusive',
  trust_pin_missing: 'refused',
  trust_pin_outdated: 'refused',
  trust_pin_mismatch: 'refused',
  trust_malformed: 'refused',
  trust_kid_differs: 'refused',
  trust_key_weak: 'refused',
  trust_key_shared: 'refused',
  trust_role_unfilled: 'refused',
  trust_chain_broken: 'refused',
  trust_unsigned: 'refused',
  trust_rolled_back: 'refused',
  trust_forked: 'refused',
  trust_expired: 'refused',
  // the envelope
  envelope_malformed: 'refused',
  envelope_not_canonical: 'refused',
  unprotected_header: 'refused',
  // each signature
  header_malformed: 'refused',
  header_key_embedded: 'refused',
  alg_none: 'refused',
  alg_symmetric: 'refused',
  alg_not_allowed: 'refused',
  typ_wrong: 'refused',
  meaning_wrong: 'refused',
  key_unknown: 'refused',
  signature_malformed: 'refused',
  signature_invalid: 'refused',
  payload_altered: 'refused',
  role_not_of_signer: 'refused',
  person_not_of_signer: 'refused',
  key_revoked: 'refused',
  key_outside_window: 'refused',
  signed_in_future: 'refused',
  // the statement
  duplicate_member: 'refused',
  payload_not_canonical: 'refused',
  statement_malformed: 'refused',
  statement_revoked: 'refused',
  signature_withdrawn: 'stale',
  withdrawal_invalid: 'refused',
  decision_no_go: 'refused',
  environment_differs: 'refused',
  cutover_differs: 'refused',
  attempt_ahead: 'refused',
  attempt_ended: 'stale',
  database_changed: 'stale',
  schema_changed: 'stale',
  code_changed: 'stale',
  config_changed: 'stale',
  build_changed: 'stale',
  subject_not_covered: 'refused',
  checklist_changed: 'stale',
  waivers_changed: 'stale',
  plan_changed: 'stale',
  triggers_changed: 'stale',
  inputs_changed: 'stale',
  signoff_expired: 'stale',
  signed_before_evidence: 'refused',
  attestation_missing: 'refused',
  waiver_altered: 'refused',
  // who signed
  key_repeated: 'refused',
  person_repeated: 'refused',
  role_missing: 'missing',
} as const satisfies Readonly<Record<string, 'refused' | 'inconclusive' | 'stale' | 'missing'>>
export type SignoffRefusalCode = keyof typeof SIGNOFF_REFUSALS

export interface SignoffFault {
  readonly code: SignoffRefusalCode
  /** The key, member or file concerned, for display. Never a secret. */
  readonly detail: string
}
/**
 * Builds the fault of a refused sign-off from its code and a detail.
 *
 * @param detail is displayed, so never a secret
 */
export const makeFault = (code: SignoffRefusalCode, detail: string): SignoffFault => ({
  code,
  detail,
})

/** The result of one step of verification: a value, or the fault. */
export type SignatureStep<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: SignoffFault }
/**
 * Builds the failed result of a step of verification (`ok: false`) from the code of its fault and a detail.
 *
 * @param detail is displayed, so never a secret
 */
export const refuseStep = (
  code: SignoffRefusalCode,
  detail: string,
): { readonly ok: false; fault: SignoffFault } => ({
  ok: false,
  fault: makeFault(code, detail),
})
