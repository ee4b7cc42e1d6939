import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT, runFf } from '../support/run-ff.ts'
import { getCheck, toError } from './outcome.ts'

const FLAGD = join(ROOT, 'test/core/import-mapping/formats/flagd.json')
const READY = join(ROOT, 'contracts/mappings/flagd.json')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-mapping-commands-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
async function write(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

test('the ready mapping is suggested for a known format', async () => {
  const run = await runFf(['mapping', 'suggest', FLAGD])
  expect([run.status, run.stdout]).toEqual([0, await readFile(READY, 'utf8')])
  expect(run.stderr).toContain('flagd')
})

test('a suggestion from the shape of a file is refused until its gaps are filled', async () => {
  const file = await write('flat.json', '{"beta":true}')
  const run = await runFf(['mapping', 'suggest', file])
  expect(run.status).toBe(0)
  const mapping = await write('suggested.json', run.stdout)
  const check = await runFf(['mapping', 'check', file, '--mapping', mapping, '--format', 'json'])
  expect([check.status, toError(check).code]).toEqual([2, 'artefact_invalid'])
  expect(toError(check).details?.join('\n')).toContain('gap_open')
})

test('a YAML file is read as its JSON, and one with doubtful words is refused with the places', async () => {
  const yaml = await write(
    'flags.yaml',
    'flags:\n  beta: {state: ENABLED, variants: {"on": true}, defaultVariant: "on"}\n',
  )
  const run = await runFf(['mapping', 'check', yaml, '--mapping', READY, '--format', 'json'])
  expect(run.status).toBe(0)
  const doubtful = await write('doubtful.yml', 'flags:\n  beta: {variants: {on: true}}\n')
  const refused = await runFf([
    'mapping',
    'check',
    doubtful,
    '--mapping',
    READY,
    '--format',
    'json',
  ])
  expect([refused.status, toError(refused).code]).toEqual([2, 'artefact_invalid'])
  expect(toError(refused).details?.[0]).toContain('line 2, column 21')
})

test('a word that JSON lacks is named', async () => {
  const run = await runFf([
    'parity',
    'preflight',
    await write('nan.json', '{"a":NaN}'),
    '--format',
    'json',
  ])
  expect(run.status).toBe(2)
  expect(toError(run).message).toContain('NaN is no JSON value')
})

test('the time limit is heard while a large file is mapped', async () => {
  const flag = '{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}'
  const flags = Array.from({ length: 100_000 }, (_, at) => `"k${at}":${flag}`).join(',')
  const file = await write('large.json', `{"flags":{${flags}}}`)
  const run = await runFf([
    'mapping',
    'check',
    file,
    '--mapping',
    READY,
    '--timeout',
    '1',
    '--format',
    'json',
  ])
  expect([run.status, toError(run).code]).toEqual([124, 'timeout'])
})

test('nothing is suggested for a file without flags', async () => {
  const run = await runFf(['mapping', 'suggest', await write('empty.json', '{}')])
  expect(run.status).toBe(2)
  expect(run.stderr).toContain('nothing_to_check')
})

test('a file that is nested too deep is refused with a command that works when pasted', async () => {
  const file = await write('a b.json', `${'['.repeat(70)}${']'.repeat(70)}`)
  const run = await runFf(['mapping', 'suggest', file])
  expect(run.status).toBe(2)
  expect(run.stderr).toContain(`ff parity preflight '${file}'`)
})

test('a check lists what an import would refuse, and passes once a loss is accepted', async () => {
  const check = (...more: readonly string[]) =>
    runFf(['mapping', 'check', FLAGD, '--mapping', READY, '--format', 'json', ...more])
  const refused = await check()
  expect(refused.status).toBe(20)
  expect(getCheck(refused).findings.map(({ code, pointer }) => `${pointer} ${code}`)).toContain(
    '/flags/limits/targeting not_carried',
  )
  const losses = ['targeting', 'segments'].flatMap((loss) => ['--accept-loss', loss])
  const accepted = await check(...losses)
  expect([accepted.status, getCheck(accepted).verdict]).toEqual([0, 'pass'])
})

test('a check names each value that the mapping gives and not the file, with its note', async () => {
  const losses = ['targeting', 'segments'].flatMap((loss) => ['--accept-loss', loss])
  const call = ['mapping', 'check', FLAGD, '--mapping', READY, '--format', 'json']
  const run = await runFf([...call, ...losses])
  const constants = getCheck(run).findings.filter(({ subject }) => subject === 'constants')
  expect(constants.map(({ detail }) => detail)).toContain(
    'sensitive of flag_registry: false in 3 rows; The file names no sensitive flags: set this for those that are.',
  )
})

test('a refused file lists its refusals alone, and counts the changes', async () => {
  const flag = '{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}'
  const flags = Array.from({ length: 40 }, (_, at) => `"k${at}":${flag}`).join(',')
  const check = async (text: string) =>
    runFf(['mapping', 'check', await write('refused.json', text), '--mapping', READY])
  const passed = await check(`{"flags":{${flags}}}`)
  expect(passed.status).toBe(0)
  expect(passed.stdout).toContain('/flags/k39/safe_value default_taken')
  const { status, stdout } = await check(`{"flags":{${flags}},"more":1}`)
  expect(status).toBe(20)
  expect(stdout).toContain('/more member_unmapped')
  expect(stdout).toMatch(/\d{2,} values change, \d+ places are left behind; listed once/)
  expect(stdout.split('\n').length).toBeLessThan(15)
})
