import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finished, ROOT } from '../support/run-ff.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-machine-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Situations as lines of a shell, which then becomes `ff parity run`; what the error has to name. */
const SITUATIONS = [
  ['P12 a folder for temporary files that is missing', 'export TMPDIR=/none', 'TMPDIR', '/none'],
  [
    'P12 a folder for temporary files that is full',
    'mount -t tmpfs -o size=64k none "$PLACE"; head -c 65536 /dev/zero > "$PLACE/x"; export TMPDIR="$PLACE"',
    'TMPDIR',
    'ENOSPC',
  ],
  ['P12 a working folder that was deleted', 'mkdir gone; cd gone; rmdir ../gone', 'cd /', 'uv_cwd'],
  ['P12 24 open files', 'ulimit -n 24', 'ulimit -n 1024', 'EMFILE'],
] as const

describe('a machine that is not fit for a run', () => {
  test.each(SITUATIONS)('%s: inconclusive, with the cause', async (_what, shell, hint, cause) => {
    const run = `${shell}; exec "$NODE" "$FF" parity run`
    const env = {
      PATH: process.env['PATH'],
      PLACE: folder,
      NODE: process.execPath,
      FF: join(ROOT, 'dist/bin/ff.js'),
    }
    const child = spawn('unshare', ['-rm', 'sh', '-c', run], { cwd: folder, env })
    const { status, stdout, stderr } = await finished(child)
    expect([status, stdout]).toEqual([22, ''])
    expect(stderr).toContain(cause)
    expect(stderr).toContain(hint)
    expect(stderr).not.toMatch(/bug in ff|npm ci|^ {4}at /m)
  })
})
