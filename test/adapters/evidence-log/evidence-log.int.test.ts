import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { validateSchema } from '../../../src/artefacts/schemas.ts'
import type { EvidenceLog, EvidenceLogs } from '../../../src/core/gate/types.ts'
import { openEvidence, toWriteError } from '../../../src/adapters/evidence-log/evidence-log.ts'
import { judgeTexts } from '../../../src/adapters/evidence-log/judge-texts.ts'
import { readEvidence } from '../../../src/adapters/evidence-log/log-files.ts'
import {
  makeRunnerKey,
  readRunnerKey,
  type SigningRunner,
} from '../../../src/adapters/evidence-log/runner-key.ts'
import { writeLine } from '../../../src/adapters/evidence-log/evidence-line.ts'
import { FfError } from '../../../src/errors.ts'
import type { EvidenceNeeds, EvidenceShapes } from '../../../src/ports/evidence.ts'
import { toItem, passing } from '../../core/gate/builders.ts'
import { toNeeds } from '../../support/gate-folder.ts'
import { examples } from '../../support/scale.ts'

let parent = ''
const shapes: EvidenceShapes = {
  isLine: (value) => validateSchema('evidence-line', value, '').length === 0,
  isHead: (value) => validateSchema('evidence-head', value, '').length === 0,
}
let runner: SigningRunner
const ITEMS = ['A1', 'B1', 'C1']
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ff-evidence-'))
  runner = await makeRunnerKey(join(parent, 'runner.pem'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

const openLog = (folder: string, change: Partial<EvidenceNeeds> = {}) =>
  openEvidence(folder, runner, toNeeds(shapes, change))
/** A folder with a log that has a record for each item. */
async function written(ids: readonly string[] = ITEMS): Promise<string> {
  const folder = await mkdtemp(join(parent, 'log-'))
  const log = await openLog(folder)
  for (const id of ids) await log.append(passing(toItem(id)))
  await log.close()
  return folder
}
const readLogs = async (folder: string): Promise<EvidenceLogs> =>
  judgeTexts(await readEvidence(folder), shapes)
/** The one log of a folder. */
async function readLog(folder: string): Promise<EvidenceLog> {
  const logs = await readLogs(folder)
  if (logs.status === 'untrusted') return logs
  const [log, ...others] = logs.logs
  if (log === undefined || others.length > 0) throw new Error('not one log')
  return log
}
const getLog = (folder: string): string => join(folder, runner.kid, 'evidence.ndjson')
const getHead = (folder: string): string => join(folder, runner.kid, 'head.json')
const getLines = async (folder: string): Promise<string[]> =>
  (await readFile(getLog(folder), 'utf8')).split('\n').slice(0, -1)
const write = (folder: string, lines: readonly string[]): Promise<void> =>
  writeFile(getLog(folder), lines.map((line) => `${line}\n`).join(''))
const said = (log: EvidenceLog | EvidenceLogs): string =>
  log.status === 'whole' ? 'whole' : log.code

describe('an appended record', () => {
  test('is read back in order with its runner, also by the next writer', async () => {
    const folder = await written()
    const again = await openEvidence(
      folder,
      await readRunnerKey(join(parent, 'runner.pem')),
      toNeeds(shapes),
    )
    const tiny = {
      ...passing(toItem('D1')),
      measured: { share: 1e-9, p99_ms: 0.1 + 0.2, text: '\u2028 "x"' },
    }
    const entry = await again.append(tiny)
    await again.close()
    const log = await readLog(folder)
    if (log.status !== 'whole') throw new Error(log.code)
    expect(log.entries.map(({ record }) => record.item)).toEqual([...ITEMS, 'D1'])
    expect(log.entries.every((one) => one.runner === runner.kid)).toBe(true)
    expect(log.entries[3]?.record.measured).toEqual(tiny.measured)
    expect(log.head).toMatchObject({ seq: 4, hash: entry.hash, trust: null, withdrawn: [] })
  })
  test('an empty log is no fault', async () => {
    expect(await readLogs(join(parent, 'nowhere'))).toEqual({ status: 'whole', logs: [] })
    const folder = await written([])
    expect(said(await readLog(folder))).toBe('whole')
    await rm(getLog(folder))
    expect(said(await readLog(folder))).toBe('whole')
    await (await openLog(folder)).close()
    expect(await getLines(folder)).toEqual([])
  })
  test('an unfinished line of a killed process is ignored, and truncated by the next writer', async () => {
    const folder = await written()
    await appendFile(getLog(folder), '{"hash":"12')
    expect(said(await readLog(folder))).toBe('whole')
    const log = await openLog(folder)
    await log.append(passing(toItem('D1')))
    await log.close()
    expect(await getLines(folder)).toHaveLength(4)
    expect(said(await readLog(folder))).toBe('whole')
  })
  test('a head behind the log is no fault', async () => {
    const folder = await written(['A1'])
    const head = await readFile(getHead(folder), 'utf8')
    const log = await openLog(folder)
    await log.append(passing(toItem('B1')))
    await log.close()
    await writeFile(getHead(folder), head)
    expect(said(await readLog(folder))).toBe('whole')
  })
  test('allows one writer at a time', async () => {
    const folder = await written()
    const log = await openLog(folder)
    const busy = { code: 'evidence_locked', exitName: 'busy' }
    await expect(openLog(folder)).rejects.toMatchObject(busy)
    // A reader needs no lock.
    expect(said(await readLog(folder))).toBe('whole')
    await log.close()
    expect(said(await readLog(folder))).toBe('whole')
  })
})

describe('a log that is opened', () => {
  const HOUR_MS = 3_600_000
  const later = (ms: number) => ({ now: () => new Date(Date.now() + ms) })
  const trusting = (version: number, sha256 = 'a'.repeat(64)) => ({
    sight: { trust: { version, sha256 }, withdrawn: [] },
  })

  test('says first whether it is here', async () => {
    const folder = await mkdtemp(join(parent, 'log-'))
    const said: unknown[] = []
    const onLog: EvidenceNeeds['onLog'] = (log) => void said.push(log)
    for (const change of [{ onLog }, { onLog }]) await (await openLog(folder, change)).close()
    expect(said).toEqual([
      { kid: runner.kid, isHere: false },
      { kid: runner.kid, isHere: true },
    ])
  })

  test('is not begun where that is refused', async () => {
    const folder = await mkdtemp(join(parent, 'log-'))
    const onLog = () => {
      throw new Error('refused')
    }
    await expect(openLog(folder, { onLog })).rejects.toThrow('refused')
    expect(await readdir(folder)).toEqual([])
  })

  test('and its files are for their owner alone', async () => {
    const folder = join(await mkdtemp(join(parent, 'log-')), 'evidence')
    await (await openLog(folder)).close()
    for (const path of [getLog(folder), getHead(folder)])
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, runner.kid))).mode & 0o777).toBe(0o700)
  })

  test.each<readonly [string, Partial<EvidenceNeeds>, Partial<EvidenceNeeds>, string | null]>([
    ['a clock set back by an hour', later(HOUR_MS), {}, 'clock_set_back'],
    ['a clock set back by some seconds', later(10_000), {}, null],
    ['an older trust file', trusting(2), trusting(1), 'trust_refused'],
    [
      'another trust file of one version',
      trusting(1),
      trusting(1, 'b'.repeat(64)),
      'trust_refused',
    ],
    ['a newer trust file', trusting(1), trusting(2), null],
  ])('again with %s', async (_what, before, after, code) => {
    const folder = await mkdtemp(join(parent, 'log-'))
    await (await openLog(folder, before)).close()
    const opened = openLog(folder, after).then(
      (log) => log.close().then(() => null),
      (error: { readonly code: string }) => error.code,
    )
    expect(await opened).toBe(code)
    // The lock is free again.
    await (await openLog(folder, code === null ? after : before)).close()
  })

  test('takes the time of a last record that is newer than its head', async () => {
    const folder = await written(['A1'])
    const head = await readFile(getHead(folder), 'utf8')
    const log = await openLog(folder, later(HOUR_MS))
    await log.append(passing(toItem('B1')))
    await log.close()
    await writeFile(getHead(folder), head)
    await expect(openLog(folder)).rejects.toMatchObject({ code: 'clock_set_back' })
  })

  test('takes the time of a head that is newer than the last record', async () => {
    const folder = await written(['A1'])
    await (await openLog(folder, later(HOUR_MS))).close()
    await expect(openLog(folder)).rejects.toMatchObject({ code: 'clock_set_back' })
  })

  test('states the trust file and the withdrawals in its head', async () => {
    const folder = await mkdtemp(join(parent, 'log-'))
    const sight = { ...trusting(3).sight, withdrawn: ['f'.repeat(64), '0'.repeat(64)] }
    const log = await openLog(folder, { sight })
    await log.close()
    expect(log.head).toMatchObject({ ...sight, withdrawn: sight.withdrawn.toSorted() })
  })
})

describe('an error of the system where evidence is written', () => {
  const system = (code: string) => Object.assign(new Error(code), { code })
  test.each([
    ['ENOSPC', 'disk_full'],
    ['EDQUOT', 'disk_full'],
    ['EACCES', 'evidence_unwritable'],
    ['EROFS', 'evidence_unwritable'],
  ])('%s is %s, with its cause', (errno, code) => {
    const cause = system(errno)
    expect(toWriteError('.ff', cause)).toMatchObject({ code, cause })
  })
  test.each([
    ['an error with a code of its own', new FfError('evidence_locked', 'x', { hint: 'x' })],
    ['an error without a code', new TypeError('x')],
  ])('%s stays', (_what, error) => {
    expect(toWriteError('.ff', error)).toBe(error)
  })
})

/** The folder of an empty log of another runner. */
async function ofAnother(): Promise<string> {
  const folder = await mkdtemp(join(parent, 'other-'))
  const other = await makeRunnerKey(join(folder, 'other.pem'))
  await (await openEvidence(folder, other, toNeeds(shapes))).close()
  return join(folder, other.kid)
}

describe('a log that was tampered with', () => {
  type Change = (lines: string[], folder: string) => Promise<unknown>
  const replaced = (text: string, from: string | RegExp, to: string): string => {
    const made = text.replace(from, to)
    if (made === text) throw new Error(`${String(from)} is not there`)
    return made
  }
  test.each<readonly [string, Change, string]>([
    [
      'a value edited',
      (lines, folder) =>
        write(
          folder,
          lines.with(1, replaced(lines[1] ?? '', '"sample_size":1', '"sample_size":2')),
        ),
      'evidence_edited',
    ],
    [
      'a blank added',
      (lines, folder) => write(folder, lines.with(1, replaced(lines[1] ?? '', ':', ': '))),
      'evidence_edited',
    ],
    [
      'a member twice',
      (lines, folder) =>
        write(folder, lines.with(1, replaced(lines[1] ?? '', '"seq":2', '"seq":2,"seq":2'))),
      'evidence_edited',
    ],
    ['another schema', (lines, folder) => write(folder, lines.with(1, '{}')), 'evidence_edited'],
    [
      'a hash recomputed after an edit',
      async (_lines, folder) => {
        const log = await readLog(folder)
        if (log.status !== 'whole') throw new Error(log.code)
        const lines = log.entries.map(
          ({ record }) => writeLine({ ...record, sample_size: 99_999 }, runner).text,
        )
        const old = await getLines(folder)
        const parsed = JSON.parse(lines[1] ?? '') as { signature: string }
        const { signature } = JSON.parse(old[1] ?? '') as { signature: string }
        return write(folder, old.with(1, (lines[1] ?? '').replace(parsed.signature, signature)))
      },
      'evidence_recomputed',
    ],
    [
      'a record of another log by the same runner',
      async (lines, folder) => {
        const other = await getLines(await written(['D1', 'D2', 'D3']))
        return write(folder, lines.with(1, other[1] ?? ''))
      },
      'evidence_recomputed',
    ],
    [
      'the whole log made anew by the runner',
      async (_lines, folder) =>
        writeFile(getLog(folder), await readFile(getLog(await written(['D1', 'B1', 'C1'])))),
      'evidence_forked',
    ],
    [
      'two records changed over',
      (lines, folder) => write(folder, [lines[1] ?? '', lines[0] ?? '', lines[2] ?? '']),
      'evidence_reordered',
    ],
    [
      'a record taken out',
      (lines, folder) => write(folder, lines.toSpliced(1, 1)),
      'evidence_missing',
    ],
    [
      'a record twice',
      (lines, folder) => write(folder, [...lines, lines[2] ?? '']),
      'evidence_missing',
    ],
    ['the last record cut', (lines, folder) => write(folder, lines.slice(0, -1)), 'evidence_cut'],
    [
      'the last record cut short',
      (lines, folder) => writeFile(getLog(folder), `${lines.join('\n')}`),
      'evidence_cut',
    ],
    [
      'a byte that is no UTF-8 in the place of a character that stands for such',
      async (_lines, folder) => {
        const text = await readFile(getLog(folder))
        const [at] = [text.indexOf('a test')]
        return writeFile(getLog(folder), text.fill(0xff, at, at + 1))
      },
      'evidence_edited',
    ],
    ['everything cut', (_lines, folder) => write(folder, []), 'evidence_cut'],
    ['the log gone', (_lines, folder) => rm(getLog(folder)), 'evidence_missing'],
    ['the head gone', (_lines, folder) => rm(getHead(folder)), 'evidence_missing'],
    ['the head edited', (_lines, folder) => appendFile(getHead(folder), ' '), 'evidence_edited'],
    [
      'the head of another log',
      async (_lines, folder) =>
        writeFile(getHead(folder), await readFile(getHead(await written(['D1'])))),
      'evidence_forked',
    ],
    [
      'the unsigned head of an earlier version',
      (_lines, folder) => writeFile(getHead(folder), `{"hash":"${'0'.repeat(64)}","seq":0}\n`),
      'evidence_edited',
    ],
    [
      'the head of another key',
      async (_lines, folder) =>
        writeFile(getHead(folder), await readFile(join(await ofAnother(), 'head.json'))),
      'evidence_recomputed',
    ],
  ])('%s', async (_what, change, code) => {
    const folder = await written()
    await change(await getLines(folder), folder)
    expect(said(await readLog(folder))).toBe(code)
    // It cannot be appended to either.
    await expect(openLog(folder)).rejects.toMatchObject({
      code: 'evidence_untrusted',
      exitName: 'untrusted',
      message: expect.stringContaining(code) as string,
    })
  })

  test.each<readonly [string, Change, string]>([
    ['a line', (lines, folder) => write(folder, lines.with(1, '{}')), 'line 2'],
    ['a missing head', (_lines, folder) => rm(getHead(folder)), 'head.json'],
    ['a missing file of lines', (_lines, folder) => rm(getLog(folder)), 'evidence.ndjson'],
  ])('the place of %s is named, with its log', async (_what, change, place) => {
    const folder = await written()
    await change(await getLines(folder), folder)
    const log = await readLog(folder)
    const detail = log.status === 'whole' ? '' : log.detail
    expect(detail).toContain(place)
    expect(detail).toContain(runner.kid)
  })

  test('a log of another key in the folder of a runner is not appended to', async () => {
    const folder = await mkdtemp(join(parent, 'log-'))
    await cp(await ofAnother(), join(folder, runner.kid), { recursive: true })
    await expect(openLog(folder)).rejects.toMatchObject({
      code: 'evidence_untrusted',
      message: expect.stringContaining('evidence_edited') as string,
    })
  })

  test('a flipped bit in any byte of the log or its head', async () => {
    const folder = await written()
    const files = await Promise.all(
      [getLog(folder), getHead(folder)].map(async (path) => ({
        path,
        bytes: await readFile(path),
      })),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.nat(),
        fc.nat(7),
        async ({ path, bytes }, where, bit) => {
          const flipped = Buffer.from(bytes)
          const place = where % bytes.length
          flipped[place] = (bytes[place] ?? 0) ^ (1 << bit)
          await writeFile(path, flipped)
          try {
            expect(said(await readLog(folder))).not.toBe('whole')
          } finally {
            await writeFile(path, bytes)
          }
        },
      ),
      examples(150),
    )
    expect(said(await readLog(folder))).toBe('whole')
  })
})

describe('the logs of two runners', () => {
  type Damage = (own: string, other: string) => Promise<unknown>
  const swap = async (a: string, b: string): Promise<void> => {
    await rename(a, `${a}.old`)
    await rename(b, a)
    await rename(`${a}.old`, b)
  }
  test.each<readonly [string, Damage, string]>([
    ['as they are', async () => undefined, 'whole'],
    ['with their folders swapped', swap, 'evidence_edited'],
    [
      'with their heads swapped',
      (own, other) => swap(join(own, 'head.json'), join(other, 'head.json')),
      'evidence_recomputed',
    ],
    [
      'with their records swapped',
      (own, other) => swap(join(own, 'evidence.ndjson'), join(other, 'evidence.ndjson')),
      'evidence_recomputed',
    ],
    [
      'with a record of one in the other',
      async (own, other) =>
        appendFile(
          join(own, 'evidence.ndjson'),
          await readFile(join(other, 'evidence.ndjson'), 'utf8'),
        ),
      'evidence_missing',
    ],
    [
      'and a copy of one under another name',
      (own) => cp(own, `${own}x`, { recursive: true }),
      'evidence_forked',
    ],
    [
      'and an older copy of one under another name',
      async (own) => {
        await cp(own, `${own}x`, { recursive: true })
        const again = await openLog(join(own, '..'))
        await again.append(passing(toItem('D1')))
        await again.close()
      },
      'evidence_forked',
    ],
    [
      'of which one lies in a folder of another name',
      (own) => rename(own, `${own}x`),
      'evidence_edited',
    ],
    ['and a file beside them', (own) => writeFile(`${own}.txt`, 'x'), 'whole'],
    ['and an empty folder beside them', (own) => mkdir(`${own}x`), 'whole'],
    [
      'in a folder that also has the old form',
      (own) => writeFile(join(own, '../evidence.ndjson'), ''),
      'evidence_old_form',
    ],
  ])('%s', async (_what, damage, code) => {
    const folder = await written()
    const other = await makeRunnerKey(join(await mkdtemp(join(parent, 'key-')), 'other.pem'))
    const log = await openEvidence(folder, other, toNeeds(shapes))
    await log.append(passing(toItem('A2')))
    await log.close()
    await damage(join(folder, runner.kid), join(folder, other.kid))
    const found = readLogs(folder).then(said, (error: { code: string }) => error.code)
    expect(await found).toBe(code)
  })
})

describe("a runner's key", () => {
  const make = (type: 'ed25519' | 'x25519'): KeyObject =>
    (type === 'ed25519' ? generateKeyPairSync(type) : generateKeyPairSync(type)).privateKey
  test('is never replaced', async () => {
    await expect(makeRunnerKey(join(parent, 'runner.pem'))).rejects.toMatchObject({
      code: 'EEXIST',
    })
    expect((await readRunnerKey(join(parent, 'runner.pem'))).kid).toBe(runner.kid)
  })
  test('is ignored by Git, as is the evidence lock, and nothing else', async () => {
    const home = join(await mkdtemp(join(parent, 'git-')), '.ff')
    await makeRunnerKey(join(home, 'ci.pem'))
    await mkdir(join(home, 'evidence/kid'), { recursive: true })
    for (const name of ['evidence/kid/lock', 'evidence/kid/head.json', 'ci.pub.json'])
      await writeFile(join(home, name), '')
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', home, ...args], { encoding: 'utf8' })
    git('init', '--quiet')
    expect(git('ls-files', '--others', '--exclude-standard').trim().split('\n').sort()).toEqual([
      '.gitignore',
      'ci.pub.json',
      'evidence/kid/head.json',
    ])
  })
  test.each([
    ['mine\n', 'mine\nci.pem\nevidence/*/lock\n'],
    ['mine', 'mine\nci.pem\nevidence/*/lock\n'],
    ['ci.pem\nmine', 'ci.pem\nmine\nevidence/*/lock\n'],
    ['', 'ci.pem\nevidence/*/lock\n'],
    ['evidence/*/lock\r\nci.pem', 'evidence/*/lock\r\nci.pem'],
  ])('adds what an existing .gitignore %j lacks', async (before, after) => {
    const home = await mkdtemp(join(parent, 'mine-'))
    await writeFile(join(home, '.gitignore'), before)
    await makeRunnerKey(join(home, 'ci.pem'))
    expect(await readFile(join(home, '.gitignore'), 'utf8')).toBe(after)
  })
  test.each([0o644, 0o640, 0o604])('V24: of mode %o is refused', async (mode) => {
    const home = await mkdtemp(join(parent, 'loose-'))
    const path = join(home, 'ci.pem')
    await makeRunnerKey(path)
    await chmod(path, mode)
    const loose = { code: 'key_file_loose', exitName: 'untrusted' }
    await expect(readRunnerKey(path)).rejects.toMatchObject(loose)
  })
  const toPem = (key: KeyObject, cipher = {}): string =>
    key.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString()
  const passphrase = { cipher: 'aes-256-cbc', passphrase: 'x' }
  test.each<readonly [string, (path: string) => Promise<unknown>]>([
    ['no key', (path) => writeFile(path, 'x')],
    ['a key of another curve', (path) => writeFile(path, toPem(make('x25519')))],
    ['a key with a passphrase', (path) => writeFile(path, toPem(make('ed25519'), passphrase))],
    ['a folder', (path) => mkdir(path)],
    ['too many bytes', (path) => writeFile(path, toPem(make('ed25519')).padEnd(65_537, '\n'))],
    ['nothing', async () => undefined],
  ])('is refused: %s', async (_what, write) => {
    const path = join(await mkdtemp(join(parent, 'bad-')), 'x.pem')
    await write(path)
    await chmod(path, 0o600).catch(() => undefined)
    await expect(readRunnerKey(path)).rejects.toMatchObject({ code: 'runner_key_invalid' })
  })
  test('signs as its public half says, and is for its owner alone', async () => {
    const path = join(await mkdtemp(join(parent, 'own-')), 'keys/ci.pem')
    const { jwk, sign } = await makeRunnerKey(path)
    expect(Object.keys(jwk).sort()).toEqual(['crv', 'kty', 'x'])
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    expect(verify(null, Buffer.from('text'), key, sign('text'))).toBe(true)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700)
    const ignored = await readFile(join(path, '../.gitignore'), 'utf8')
    expect(ignored).toBe('ci.pem\nevidence/*/lock\n')
  })
  test('is not made where a .gitignore is no file', async () => {
    const home = await mkdtemp(join(parent, 'ignore-'))
    await mkdir(join(home, '.gitignore'))
    const refused = { code: 'evidence_unwritable' }
    await expect(makeRunnerKey(join(home, 'ci.pem'))).rejects.toMatchObject(refused)
    expect(await readdir(home)).toEqual(['.gitignore'])
  })
})
