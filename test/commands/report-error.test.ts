import { expect, test } from 'vitest'
import type { Context } from '../../src/commands/context.ts'
import { reportError } from '../../src/commands/report-error.ts'
import { FfError } from '../../src/errors.ts'

test('a message is escaped on the terminal, and its JSON form keeps the original text', async () => {
  const written = { stdout: '', stderr: '' }
  const io = {
    stderr: (text: string) => (written.stderr += text),
    stdout: (text: string) => Promise.resolve((written.stdout += text)),
  }
  const error = new FfError('option_invalid', 'No \u001b[2J\u202e.', {
    hint: 'Give another.',
    details: ['\u009b1m'],
  })
  await reportError(error, ['--format=json', '--debug'], { io } as unknown as Context)
  expect(written.stderr).toMatch(/^ff: No \\u001b\[2J\\u202e\.\n {2}\\u009b1m\nGive another\.\n/)
  expect(written.stderr).not.toMatch(/[\u001b\u009b\u202e]/)
  expect((JSON.parse(written.stdout) as { error: object }).error).toMatchObject({
    message: 'No \u001b[2J\u202e.',
  })
})

test('an unknown name is answered with the nearest that exists, in any case', async () => {
  const written = { stderr: '' }
  const io = { stderr: (text: string) => (written.stderr += text) }
  const error = new FfError('nothing_to_check', 'There is no vector pv-1.', {
    hint: 'List them.',
    unknown: { name: 'pv-1', known: ['PT-01', 'PV-01', 'PV-02'] },
  })
  await reportError(error, [], { io } as unknown as Context)
  expect(written.stderr).toContain('\nDid you mean "PV-01"? List them.\n')
})
