import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readBounded } from '../../files/read-bounded.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode } from '../../files/read-or-null.ts'

const FILE = 'disturbances.ndjson'
const MAX_BYTES = 4_194_304
/** The longest that a probe disturbs the instances: after that one that was killed counts as ended. */
const MOST_MS = 900_000

interface Disturbance {
  readonly item: string
  readonly at: number
  readonly kind: 'began' | 'ended'
}

/**
 * Notes beside a recording that a probe disturbs the instances from now on. @returns a function that notes the end
 * @throws FfError `disk_full` or `evidence_unwritable`, also of that function
 */
export async function noteDisturbance(
  folder: string,
  item: string,
  now: () => number,
): Promise<() => Promise<void>> {
  const path = join(folder, FILE)
  const note = async (kind: Disturbance['kind']): Promise<void> => {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await appendFile(path, `${JSON.stringify({ item, at: now(), kind })}\n`, { mode: 0o600 })
    } catch (cause) {
      throw toNoteError(path, cause)
    }
  }
  await note('began')
  return () => note('ended')
}

function toNoteError(path: string, cause: unknown): unknown {
  const code = getErrorCode(cause)
  if (code === null) return cause
  return new FfError(
    code === 'ENOSPC' ? 'disk_full' : 'evidence_unwritable',
    `Cannot note in ${quoteValue(path)} that a probe disturbs staging (${code}).`,
    {
      hint: 'Free some space there, or run as the user of the observer, then measure again.',
      cause,
    },
  )
}

/**
 * The items whose probe disturbed the instances between two times by the wall clock, sorted; none where the notes cannot be
 * read, so that nothing is excused.
 */
export async function readDisturbances(
  folder: string,
  since: number,
  until: number,
): Promise<readonly string[]> {
  const read = await readBounded(join(folder, FILE), MAX_BYTES).catch((error: unknown) => {
    if (getErrorCode(error) === null) throw error
    return null
  })
  if (read?.ok !== true) return []
  const open = new Map<string, number>()
  const found = new Set<string>()
  for (const { item, at, kind } of parseNotes(read.bytes.toString('utf8'))) {
    const began = open.get(item)
    if (kind === 'began') open.set(item, at)
    else if (began !== undefined) {
      open.delete(item)
      if (began < until && at >= since) found.add(item)
    }
  }
  for (const [item, began] of open) if (began < until && began + MOST_MS >= since) found.add(item)
  return [...found].sort()
}

const parseNotes = (text: string): readonly Disturbance[] =>
  text.split('\n').flatMap((line) => {
    try {
      const { item, at, kind } = JSON.parse(line) as Partial<Disturbance>
      const isNote = typeof item === 'string' && typeof at === 'number'
      return isNote && (kind === 'began' || kind === 'ended') ? [{ item, at, kind }] : []
    } catch {
      return [] // Torn: it excuses nothing.
    }
  })
