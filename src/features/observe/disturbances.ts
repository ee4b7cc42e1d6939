import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readBounded } from '../../files/read-bounded.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'

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
 * @throws the system's error
 */
export async function noteDisturbance(
  folder: string,
  item: string,
  now: () => number,
): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const note = (kind: Disturbance['kind']): Promise<void> =>
    appendFile(join(folder, FILE), `${JSON.stringify({ item, at: now(), kind })}\n`, {
      mode: 0o600,
    })
  await note('began')
  return () => note('ended')
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
  const read = await nullIfMissing(readBounded(join(folder, FILE), MAX_BYTES))
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
