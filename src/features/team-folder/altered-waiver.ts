import { canonicalizeValue, nodeToValue } from '../../core/json/plain.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
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
      (one: { readonly jws?: unknown } | null) =>
        typeof one?.jws === 'string' ? one.jws.split('.')[1] : null,
    )
    if (carried.some((one) => one !== signed)) throw buildAlteredError(canonicalizeValue(own))
  }
}

/** The entries of a waivers file, unchecked; none for another text. */
function listEntries(text: string): readonly Readonly<Record<string, unknown>>[] {
  const read = parseLosslessJson(text)
  const file = read.ok ? nodeToValue(read.node) : null // Not JSON: the schema refuses it.
  const { waivers } = (file ?? {}) as { readonly waivers?: unknown }
  return Array.isArray(waivers) ? waivers.filter((one) => typeof one === 'object' && one) : []
}

/**
 * Makes, without throwing it, the FfError `waiver_altered`.
 *
 * @param detail what was altered, for display
 */
export const buildAlteredError = (detail: string): FfError =>
  new FfError('waiver_altered', `${SIGNOFF_FILES.waivers} was altered after it was approved.`, {
    hint: `See the change with \`git log -p -- ${SIGNOFF_FILES.waivers}\`, restore the file, or have the waiver approved again with \`ff waiver sign\`.`,
    details: [detail],
  })
