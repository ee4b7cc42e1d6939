import { readTextLines } from '../../artefacts/lines.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { parseShaped } from '../../artefacts/load.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import { validateSchema } from '../../artefacts/schemas.ts'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { nodeToValue } from '../../core/json/plain.ts'
import {
  type ConvertedLine,
  convertLine,
  DEFAULT_MAP,
  type RequestsMap,
} from '../../core/requests/convert-line.ts'
import type { LogFormat } from '../../core/requests/log-line.ts'
import { FfError } from '../../errors.ts'
import { openRequests } from './parity-replay.ts'

/** Input of `ff requests convert`. */
export interface ConvertRequest {
  /** Path of the log, a regular file. */
  readonly log: string
  readonly format: LogFormat
  /** Path of a requests map; null for the names of our own request. */
  readonly map: string | null
  readonly signal: AbortSignal
  /** Takes made requests, one JSON object a line. */
  readonly write: (lines: string) => Promise<void>
}
/** A line that should be a request and is none. */
export interface RefusedLine {
  readonly line: number
  readonly code: string
  readonly reason: string
}
export interface Converted {
  readonly made: number
  /** Number of lines that are no evaluation, by cause. */
  readonly left: ReadonlyMap<string, number>
  /** By code, with the first three lines of each. */
  readonly refused: ReadonlyMap<string, { count: number; readonly first: RefusedLine[] }>
}

/** A line with its body and headers. */
const MAX_LINE_BYTES = 65_536
/** Lines between two writes. */
const BATCH = 500
const SHOWN = 3

/**
 * Converts the lines of an access log to recorded requests for `ff parity replay`, each of which that command accepts.
 * Holds one line and a batch of requests in memory.
 *
 * @throws FfError `artefact_invalid` for a log or map that cannot be read, `nothing_to_check` without a request and
 *   without a refusal, the code of the ending if the run is aborted; the error of `write`
 */
export async function convertRequests(request: ConvertRequest): Promise<Converted> {
  const { log, format, signal, write } = request
  const map = request.map === null ? DEFAULT_MAP : await loadMap(request.map)
  const found = new Found()
  const file = await openRequests(log)
  try {
    let batch: string[] = []
    for await (const { line, ...read } of readTextLines(file, MAX_LINE_BYTES)) {
      throwIfEnded(
        signal,
        (ending) =>
          new FfError(ending, 'The log was not read to its end.', {
            hint: 'Run the same command again; what it printed is a part of the requests.',
          }),
      )
      if (read.text?.trim() === '') continue
      const made =
        read.text === undefined
          ? found.refuse(line, read.code, 'a line of UTF-8 of at most 64 KiB is wanted')
          : found.take(line, convertLine(read.text, line, { format, map }))
      if (made !== null) batch.push(made)
      if (batch.length === BATCH) {
        await write(`${batch.join('\n')}\n`)
        batch = []
      }
    }
    if (batch.length > 0) await write(`${batch.join('\n')}\n`)
  } finally {
    await file.handle.close()
  }
  if (found.made === 0 && found.refused.size === 0)
    throw new FfError('nothing_to_check', `${log} holds no request for an evaluation.`, {
      hint: `Name the log of the service that evaluates${
        found.left.size === 0 ? '' : `; left out: ${describeCounts(found.left)}`
      }.`,
    })
  return found
}

export const describeCounts = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([cause, count]) => `${count} ${cause}`).join(', ')

class Found implements Converted {
  made = 0
  readonly left = new Map<string, number>()
  readonly refused = new Map<string, { count: number; readonly first: RefusedLine[] }>()

  /** The request of a line as JSON; null where it is left out or refused. */
  take(line: number, converted: ConvertedLine): string | null {
    if ('left' in converted) {
      this.left.set(converted.left, (this.left.get(converted.left) ?? 0) + 1)
      return null
    }
    if ('refused' in converted) return this.refuse(line, converted.refused, converted.reason)
    const { recordedAt, members } = converted
    const value = nodeToValue({
      members: [
        ['recorded_at', recordedAt],
        ['request', { members }],
      ],
    })
    const [problem] = validateSchema('replay-request', value, '')
    if (problem !== undefined)
      return this.refuse(line, problem.code, `${problem.pointer} ${problem.detail}`.trim())
    this.made += 1
    return JSON.stringify(value)
  }

  refuse(line: number, code: string, reason: string): null {
    const found = this.refused.get(code) ?? { count: 0, first: [] }
    found.count += 1
    if (found.first.length < SHOWN) found.first.push({ line, code, reason })
    this.refused.set(code, found)
    return null
  }
}

/** @throws FfError `artefact_invalid` with every problem of the map */
async function loadMap(path: string): Promise<RequestsMap> {
  const read = await readTextFile(path, path)
  if (!read.ok) throw toArtefactError([read.problem])
  const parsed = parseShaped('requests-map', { text: read.text, shown: path })
  if (!parsed.ok) throw toArtefactError(parsed.problems)
  return parsed.loaded.value as RequestsMap
}
