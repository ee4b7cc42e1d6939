import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HELP_TOPICS } from '../../src/commands/help-topics.ts'
import { ROOT, runFf } from '../support/run-ff.ts'

const pages = await readdir(join(ROOT, 'dist/man/man1'))
const read = (name: string): Promise<string> => readFile(join(ROOT, 'dist/man/man1', name), 'utf8')
/** A page as the text that a reader sees, in words. */
const toWords = (text: string): string =>
  text
    .replaceAll(/^\.(TH|SH|TP|nf|fi).*$/gm, '')
    .replaceAll(/^\.B /gm, '')
    .replaceAll('\\-', '-')
    .replaceAll(/\s+/g, ' ')

describe('the manual pages', () => {
  test.each(pages)('%s uses known macros alone, and has each section', async (name) => {
    const text = await read(name)
    const macros = text.split('\n').filter((line) => /^[.']/.test(line))
    expect(macros.filter((line) => !/^\.(TH|SH|TP|B|nf|fi)( |$)/.test(line))).toEqual([])
    expect(text).toMatch(/^\.TH "FF[^"]*" 1 .*\n\.SH NAME\nff.* \\- \w.*\n\.SH SYNOPSIS\n/)
  })
  test('hold what the help of the command says', async () => {
    const words = toWords(await read('ff-parity-run.1'))
    const { stdout } = await runFf(['parity', 'run', '--help'])
    const options = [...stdout.matchAll(/^ {2}(--[\w-]+(?: <[^>]+>)?) {2}/gm)].map(
      ([, flag]) => flag,
    )
    expect(options.length).toBeGreaterThan(5)
    for (const flag of options) expect(words).toContain(flag)
    expect(words).toContain('ff parity run --candidate embedded --format junit')
    expect(words).toContain('ff-parity-fuzz(1)')
  })
  test.each(Object.keys(HELP_TOPICS))('ff help %s prints a part of ff.1', async (topic) => {
    const { status, stdout } = await runFf(['help', topic])
    expect(status).toBe(0)
    expect(toWords(await read('ff.1'))).toContain(stdout.replaceAll(/\s+/g, ' ').trim())
  })
})
