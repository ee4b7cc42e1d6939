import { expect, test } from 'vitest'
import { runCommand } from '../../../src/adapters/process/run-command.ts'

const run = async (more: object) => {
  const done = await runCommand(['sh', '-c', 'env | cut -d= -f1 | sort | tr "\\n" " "'], {
    cwd: '/',
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    ...more,
  })
  return done.kind === 'exited' ? done.last_line.split(' ') : []
}

test('V24: a program sees PATH, HOME, what is named and what is given, and no other variable', async () => {
  process.env['FF_SECRET_OF_THE_TEST'] = 'hunter2'
  try {
    const own = await run({})
    expect(own).toEqual(expect.arrayContaining(['HOME', 'PATH']))
    expect(own.filter((name) => name.startsWith('FF_'))).toEqual([])
    const named = await run({ pass: ['FF_SECRET_OF_THE_TEST', 'FF_NOT_SET'], env: { GIVEN: '1' } })
    expect(named).toEqual(expect.arrayContaining(['FF_SECRET_OF_THE_TEST', 'GIVEN']))
    expect(named).not.toContain('FF_NOT_SET')
  } finally {
    delete process.env['FF_SECRET_OF_THE_TEST']
  }
})
