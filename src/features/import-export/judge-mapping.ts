import { setImmediate } from 'node:timers/promises'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { loadArtefact } from '../../artefacts/load.ts'
import { findMappingProblems } from '../../artefacts/rules/mapping-rules.ts'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { type MappedDocument, mapInSteps } from '../../core/import-mapping/map-document.ts'
import type { RowRuns, TextPacking } from '../../core/import-mapping/row-runs.ts'
import type { ImportMapping } from '../../core/import-mapping/types.ts'
import type { CheckResult } from '../../core/report/check-report.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { buildMappingItems } from './mapping-items.ts'
import { readImportDocument } from './read-document.ts'

/** The fastest level: lines of rows have much in common. */
const LEVEL = 1
const LENGTH_BYTES = 4
/** The length stands in front, so that unpacking takes one buffer: the garbage of buffers is collected late. */
const DEFLATED: TextPacking = {
  pack: (text) => {
    const bytes = Buffer.from(text)
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(bytes.length)
    return Buffer.concat([length, deflateRawSync(bytes, { level: LEVEL })])
  },
  unpack: (packed) => {
    const length = Buffer.from(packed.subarray(0, LENGTH_BYTES)).readUInt32LE()
    // One byte more, so that the end is seen; 64 is the least.
    const chunkSize = Math.max(64, length + 1)
    return inflateRawSync(packed.subarray(LENGTH_BYTES), { chunkSize }).toString('utf8')
  },
}

/** A file of another service, and how to read it. */
export interface MappedFile {
  /** Path of the flag file of another service, in the format of that service. */
  readonly file: string
  /** Path of the mapping from that format: contracts/schemas/incumbent-mapping.schema.json. */
  readonly mapping: string
  /** The losses of the mapping that are accepted. */
  readonly acceptedLosses: readonly string[]
  /** The code of the refusals to list in full, and alone; null lists three places of each cause. */
  readonly explain: string | null
  readonly signal: AbortSignal
  readonly adapters: Pick<Adapters, 'readYaml'>
}

/** The items of a mapped file, and its rows in the order of a snapshot; null where anything is refused. */
export interface JudgedMapping {
  readonly items: readonly CheckResult[]
  readonly rows: RowRuns | null
}

/**
 * Reads a file by its mapping and reports each refused value with its place (item `mapping` fails), what is left
 * behind, and each value that changes on the way. Writes nothing.
 *
 * @throws FfError `artefact_invalid` for a bad mapping, or a file that is no readable document; `option_invalid` for an
 *   accepted loss that the mapping lacks, or a code to explain that no refusal has; `nothing_to_check` if the mapping finds no row; the code of the
 *   ending if the run is aborted
 */
export async function judgeMapping(request: MappedFile): Promise<JudgedMapping> {
  const mapping = await loadMapping(request.mapping)
  const accepted = new Set(request.acceptedLosses)
  refuseUnknownLosses(mapping, accepted)
  const { node, faults } = await readImportDocument(request.file, request.adapters)
  const document =
    node === null
      ? null
      : await finish(mapInSteps(node, { mapping, accepted, packing: DEFLATED }), request.signal)
  const whole = faults.map(({ code, detail }) => ({ code, pointer: '', detail }))
  const items = buildMappingItems(whole, document, request.explain)
  if (document === null || items.some(({ state }) => state === 'fail')) return { items, rows: null }
  if (document.rows.count > 0) return { items, rows: document.rows }
  throw new FfError(
    'nothing_to_check',
    `The mapping finds no flag and no override in ${request.file}.`,
    { hint: 'Name the flag file of the service and a mapping that was written for its format.' },
  )
}

/** Runs all steps; hears signals and the time limit between them. @throws FfError the code of the ending */
async function finish(
  steps: Generator<void, MappedDocument>,
  signal: AbortSignal,
): Promise<MappedDocument> {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await setImmediate()
    throwIfEnded(
      signal,
      (ending) =>
        new FfError(ending, 'The file was not read to its end.', {
          hint: 'Nothing was written; run the same command again.',
        }),
    )
  }
}

/** @throws FfError `artefact_invalid` with every problem of the mapping */
async function loadMapping(path: string): Promise<ImportMapping> {
  const result = await loadArtefact('incumbent_mapping', { path, shown: path })
  const problems = result.ok ? findMappingProblems(result.loaded) : result.problems
  if (!result.ok || problems.length > 0) throw toArtefactError(problems)
  return result.loaded.value
}

function refuseUnknownLosses({ skipped = [] }: ImportMapping, accepted: ReadonlySet<string>): void {
  const losses = [...new Set(skipped.flatMap(({ loss }) => (loss === undefined ? [] : [loss])))]
  for (const one of accepted)
    if (!losses.includes(one))
      throw new FfError('option_invalid', `The mapping has no loss ${one}.`, {
        hint:
          losses.length === 0
            ? 'Leave out --accept-loss: the mapping names no loss.'
            : `Name one of its losses: ${losses.join(', ')}.`,
      })
}
