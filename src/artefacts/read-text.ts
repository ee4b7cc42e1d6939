import { decodeUtf8 } from '../core/text/utf8.ts'
import { readBounded } from '../files/read-bounded.ts'
import { getErrorCode, isMissing } from '../files/read-or-null.ts'
import type { ArtefactCode, ArtefactProblem } from './problem.ts'

/** 4 MiB: forty times the largest artefact, and small enough to parse hostile bytes quickly. */
export const MAX_ARTEFACT_BYTES = 4_194_304

export type TextRead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: ArtefactProblem }

/**
 * Reads a file of at most `maxBytes` (4 MiB by default) as UTF-8: its text, or the problem `file_missing`,
 * `file_unreadable` (also for no regular file), `file_too_large` or `utf8_invalid`; an invalid byte is never replaced
 * by U+FFFD. Rejects for no system error.
 * @param shown the name of the file in problems
 */
export async function readTextFile(
  path: string,
  shown: string,
  maxBytes = MAX_ARTEFACT_BYTES,
): Promise<TextRead> {
  const fail = (code: ArtefactCode, detail: string): TextRead => ({
    ok: false,
    problem: { file: shown, pointer: '', code, detail },
  })
  try {
    const read = await readBounded(path, maxBytes)
    if (read.ok) return { ok: true, text: decodeUtf8(read.bytes) }
    return read.fault === 'not_a_file'
      ? fail('file_unreadable', 'not a regular file')
      : fail('file_too_large', `over ${maxBytes} bytes`)
  } catch (error) {
    const code = getErrorCode(error)
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return fail('utf8_invalid', 'not UTF-8')
    if (isMissing(error)) return fail('file_missing', 'no such file')
    if (code !== null) return fail('file_unreadable', code)
    throw error
  }
}
