import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openRecording, readRecording } from '../../../src/adapters/evidence-log/recording.ts'
import { makeRunnerKey } from '../../../src/adapters/evidence-log/runner-key.ts'
import { isObservationLine as fits } from '../../../src/artefacts/schemas.ts'
import { canonicalizeValue } from '../../../src/core/json/plain.ts'
import { makeMinutes } from '../../core/observe/minutes.ts'

const base = await mkdtemp(join(tmpdir(), 'ff-recording-'))
afterAll(() => rm(base, { recursive: true, force: true }))
const keyFile = join(base, 'runner.pem')
const { kid } = await makeRunnerKey(keyFile)
const MINUTES = makeMinutes(0, 5, { divergences: { '/value': 1 }, disturbed_by: ['D3'] })

let folder = ''
let file = ''
let text = ''
beforeEach(async () => {
  folder = await mkdtemp(join(base, 'one-'))
  file = join(folder, 'minutes.ndjson')
  const writer = await openRecording(folder, { key: { path: keyFile, make: false }, fits })
  for (const minute of MINUTES) await writer.append(minute)
  await writer.close()
  text = await readFile(file, 'utf8')
})
const read = () => readRecording(folder, fits)

describe('a recording', () => {
  it('is read as it was written, by the key that signed it', async () => {
    const lines = text.trimEnd().split('\n')
    const hashes = lines.map((line) => (JSON.parse(line) as { readonly hash: string }).hash)
    expect(await read()).toEqual({ ok: true, kid, minutes: MINUTES, hashes })
    expect(await readRecording(join(folder, 'none'), fits)).toEqual({
      ok: true,
      kid: null,
      minutes: [],
      hashes: [],
    })
  })

  it('goes on where a killed process left a part of a line', async () => {
    await appendFile(file, text.slice(0, 100))
    expect(await read()).toMatchObject({ ok: true, minutes: MINUTES })
    const writer = await openRecording(folder, { key: { path: keyFile, make: false }, fits })
    expect(writer.last).toEqual(MINUTES.at(-1))
    for (const minute of makeMinutes(5, 6)) await writer.append(minute)
    await writer.close()
    expect(await read()).toMatchObject({ ok: true, minutes: [...MINUTES, ...makeMinutes(5, 6)] })
  })

  it('takes one observer at a time', async () => {
    const writer = await openRecording(folder, { key: { path: keyFile, make: false }, fits })
    await expect(
      openRecording(folder, { key: { path: keyFile, make: false }, fits }),
    ).rejects.toMatchObject({
      code: 'evidence_locked',
    })
    await writer.close()
  })

  it('is not continued by another key', async () => {
    const other = join(folder, 'other.pem')
    await makeRunnerKey(other)
    await expect(
      openRecording(folder, { key: { path: other, make: false }, fits }),
    ).rejects.toMatchObject({
      code: 'evidence_untrusted',
    })
  })

  const lines = (): string[] => text.split('\n').slice(0, -1)
  const change = (at: number, edit: (line: string) => string): string[] =>
    lines().map((line, place) => (place === at ? edit(line) : line))
  const recompute = (line: string): string => {
    const parsed = JSON.parse(line) as { record: object }
    return canonicalizeValue({ ...parsed, record: { ...parsed.record, errors: 9 } })
  }
  it.each<[string, () => string[], string, number]>([
    ['a count that was changed', () => change(1, recompute), 'minute_altered', 2],
    ['a minute that was left out', () => lines().toSpliced(2, 1), 'chain_broken', 3],
    ['two minutes in another order', () => [...lines().slice(1, 2), ...lines()], 'chain_broken', 1],
    ['a line of another form', () => change(3, (line) => ` ${line}`), 'minute_malformed', 4],
    [
      'a signature of another minute',
      () => {
        const { signature } = JSON.parse(lines()[3] ?? '') as { signature: string }
        const last = { ...(JSON.parse(lines()[4] ?? '') as object), signature }
        return [...lines().slice(0, 4), canonicalizeValue(last)]
      },
      'signature_invalid',
      5,
    ],
  ])('is refused with %s', async (_, edit, code, line) => {
    await writeFile(file, `${edit().join('\n')}\n`)
    expect(await read()).toEqual({ ok: false, code, line })
    await expect(
      openRecording(folder, { key: { path: keyFile, make: false }, fits }),
    ).rejects.toMatchObject({
      code: 'evidence_untrusted',
    })
  })
})
