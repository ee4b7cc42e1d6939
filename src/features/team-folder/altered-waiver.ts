import { canonicalizeValue } from '../../core/json/plain.ts'
import { FfError } from '../../errors.ts'
import { SIGNOFF_FILES } from './signoff-files.ts'

/**
 * Stops where an approval in the text of a waivers file carries another waiver than the one that it stands in: the
 * waiver was altered after it was approved. Verifies no signature, and passes for a text that is no waivers file; an
 * altered waiver may break the schema, so none is needed.
 *
 * @throws FfError `waiver_altered`
 */
export function refuseAlteredWaivers(text: string): void {
  for (const { approvals, ...own } of listEntries(text)) {
    const signed = Buffer.from(canonicalizeValue(own)).toString('base64url')
    const carried = (Array.isArray(approvals) ? approvals : []).map(
      (one: { readonly jws?: unknown } | null) => String(one?.jws).split('.')[1],
    )
    if (carried.some((one) => one !== signed)) throw buildAlteredError(canonicalizeValue(own))
  }
}

/** The entries of a waivers file, unchecked; none for another text. */
function listEntries(text: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const { waivers } = JSON.parse(text) as { readonly waivers?: unknown }
    return Array.isArray(waivers) ? waivers.filter((one) => typeof one === 'object' && one) : []
  } catch {
    return [] // Not JSON, or null: the schema refuses it.
  }
}

/** @param detail what was altered, for display */
export const buildAlteredError = (detail: string): FfError =>
  new FfError('waiver_altered', `${SIGNOFF_FILES.waivers} was altered after it was approved.`, {
    hint: `See the change with \`git log -p -- ${SIGNOFF_FILES.waivers}\`, restore the file, or have the waiver approved again with \`ff waiver sign\`.`,
    details: [detail],
  })
