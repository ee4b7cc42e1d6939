import type { Approval } from '../core/evaluate/approvals.ts'
import { parseInstant } from '../core/rows/instant.ts'
import { type LoadResult, parseShaped, type ArtefactPlace } from './load.ts'
import type { ArtefactProblem } from './problem.ts'
import { readTextFile } from './read-text.ts'

/**
 * Reads a file of approvals: the approvals, or its problems by the first check that fails: file of at most 4 MiB,
 * UTF-8, JSON, I-JSON (RFC 7493), schema, then both `time_not_canonical` and `row_repeated` for a second one of the
 * same ref, flag, tenant and user. Never rejects for a bad file.
 * @throws FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export async function loadApprovals({
  path,
  shown,
}: ArtefactPlace): Promise<LoadResult<readonly Approval[]>> {
  const read = await readTextFile(path, shown)
  return read.ok ? parseApprovals(read.text, shown) : { ok: false, problems: [read.problem] }
}

function parseApprovals(text: string, file: string): LoadResult<readonly Approval[]> {
  const parsed = parseShaped('approvals', { text, shown: file })
  if (!parsed.ok) return parsed
  const { approvals } = parsed.loaded.value as { readonly approvals: readonly Approval[] }
  const problems = findApprovalProblems(approvals, file)
  return problems.length > 0 ? { ok: false, problems } : { ok: true, loaded: approvals }
}

/** Applies the rules beyond the schema: existing days, and no two approvals for the same question. */
function findApprovalProblems(
  approvals: readonly Approval[],
  file: string,
): readonly ArtefactProblem[] {
  const seen = new Set<string>()
  return approvals.flatMap((one, at) => {
    const { approval_ref, flag_key, tenant_id, user_id } = one
    const found: ArtefactProblem[] = (['not_before', 'expires_at'] as const)
      .filter((name) => parseInstant(one[name]) === undefined)
      .map((name) => ({
        file,
        pointer: `/approvals/${at}/${name}`,
        code: 'time_not_canonical',
        detail: one[name],
      }))
    const key = JSON.stringify([approval_ref, flag_key, tenant_id, user_id])
    if (seen.has(key))
      found.push({ file, pointer: `/approvals/${at}`, code: 'row_repeated', detail: approval_ref })
    seen.add(key)
    return found
  })
}
