import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { findBannedWords } from '../support/banned-words.ts'

/** The verbs that a description may begin with. A new one is added here. */
const VERBS = `add append apply approve check compare copy count create decide deliver explain export fetch go inspect list make manage measure
  migrate mint move plant prepare print prove record replay request review serve show sign take undo validate verify walk withdraw write answer`
const isVerb = (word: string): boolean => VERBS.split(/\s+/).includes(word)

const descriptions = COMMANDS.flatMap(({ noun, what, commands }) => [
  ...(noun === null ? [] : [[noun, what] as const]),
  ...commands.map((one) => [noun === null ? one.name : `${noun} ${one.name}`, one.what] as const),
])
const options = COMMANDS.flatMap(({ noun, commands }) =>
  commands.flatMap((command) =>
    command.options.map(
      ({ flags, what }) => [`${noun ?? ''} ${command.name} ${flags}`.trim(), what] as const,
    ),
  ),
)

describe('the help of', () => {
  test('commands and options is there', () => {
    expect(descriptions.length).toBeGreaterThan(40)
    expect(options.length).toBeGreaterThan(150)
  })
  test.each(descriptions)('%s begins with a verb', (_command, what) => {
    expect(what.split(/[ ,]/, 1)[0]).toSatisfy(isVerb)
    expect(findBannedWords(what)).toEqual([])
  })
  test.each(options)('%s says what the option does', (_option, what) => {
    expect(what).toMatch(/^\w.{5,}[^.]$/)
    expect(findBannedWords(what)).toEqual([])
  })
})
