import { createHash } from 'node:crypto'
import { formatConfiguration } from '../../core/cutover/leases.ts'
import type { CutoverIdentity } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import type { GateFiles } from './load-gate-files.ts'

/** The version of the service, as its settings state it. */
export interface RunningVersion {
  /** FF_CODE_VERSION, an image digest or a commit; null where unknown. */
  readonly code: string | null
  /** Settings that change decisions, by name; null is the default value. */
  readonly settings: Readonly<Record<string, string | null>>
  /** The newest migration that the package knows. */
  readonly schema_head: string | null
  /** SHA-256 of the files of the program itself. */
  readonly build: string
}

/**
 * The identity that evidence and signatures must match: environment, cutover, attempt and database from the plan,
 * each null without a plan; the digest of the checklist; code, schema head and build from the running version, with the
 * SHA-256 of its settings in canonical form (RFC 8785).
 */
export function buildIdentity(
  { code, settings, schema_head, build }: RunningVersion,
  { plan, checklist }: Pick<GateFiles, 'plan' | 'checklist'>,
): CutoverIdentity {
  return {
    environment: plan?.environment ?? null,
    cutover_id: plan?.cutover_id ?? null,
    attempt: plan?.attempt ?? null,
    database: plan?.database ?? null,
    schema_head,
    code,
    config_digest: digestSettings(settings),
    checklist_digest: checklist.digest,
    build,
  }
}

/** The configuration digest: SHA-256 of the behavioural settings in canonical form (RFC 8785), in hexadecimal. */
export const digestSettings = (settings: RunningVersion['settings']): string =>
  createHash('sha256').update(canonicalizeValue(settings)).digest('hex')

/** What an instance registers in a cutover: the digest of the behavioural settings and the lease, in milliseconds. */
export const digestConfiguration = (
  settings: RunningVersion['settings'],
  leaseMs: number,
): string => formatConfiguration(digestSettings(settings), leaseMs)
