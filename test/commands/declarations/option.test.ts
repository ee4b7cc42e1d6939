import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  list,
  option,
  negation,
  optionOr,
  required,
  toggle,
  parseChoice,
  parseInstantOption,
  parseOutput,
  parseRunnerFile,
  parseSeconds,
  parseShare,
  parseText,
  parseVersion,
  wholeNumber,
} from '../../../src/commands/declarations/option.ts'
import { PLACES } from '../../../src/core/gate/types.ts'
import { COMMANDS } from '../../../src/commands/declarations/index.ts'
import { FfError } from '../../../src/errors.ts'
import { ROOT } from '../../support/run-ff.ts'

/** Fixtures that import the real modules, each one file of a single compiler run. */
const HEAD = `
import type { Invocation } from '${ROOT}/src/commands/context.ts'
import { list, option, optionOr, required, parseText, toggle, wholeNumber, type OptionsOf } from '${ROOT}/src/commands/declarations/option.ts'
import { declareCommand, REPORT } from '${ROOT}/src/commands/declarations/options.ts'
export const used = [list, option, optionOr, required, toggle, parseText, wholeNumber, declareCommand, REPORT]
export type Used = [Invocation, OptionsOf<[]>]
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
export const expectTrue = <T extends true>(_: T): void => undefined
const about = { name: 'x', what: 'x', examples: ['ff x', 'ff x -h'] as const }
export { about }
export type Is<A, B> = Equal<A, B>
`
const ACTION = `const run = async ({ options }: Invocation<typeof DECLARED>): Promise<void> => void options.vector
export const row = declareCommand({ ...about, options: DECLARED, load: async () => run })`

const COMPILES: readonly (readonly [what: string, code: string])[] = [
  [
    'an action that reads the declared options',
    `const DECLARED = [...REPORT, option('--vector <id>', 'x', parseText)]\n${ACTION}`,
  ],
  [
    'the type of every kind of option',
    `const DECLARED = [
  toggle('--dry-run', 'x'),
  option('--max-diffs <n>', 'x', wholeNumber({ most: 9 })),
  optionOr('--lines <n>', 'x', { parse: wholeNumber({ most: 9 }), otherwise: 3 }),
  required('--out <file>', 'x', parseText),
  list('--vectors <file...>', 'x', parseText),
]
expectTrue<Is<OptionsOf<typeof DECLARED>, {
  readonly dryRun: boolean
  readonly maxDiffs: number | null
  readonly lines: number
  readonly out: string
  readonly vectors: readonly string[]
}>>(true)`,
  ],
]
const REFUSED: readonly (readonly [what: string, code: string])[] = [
  [
    'a misspelt flag in a declaration',
    `const DECLARED = [...REPORT, option('--vectr <id>', 'x', parseText)]\n${ACTION}`,
  ],
  [
    'an option that the action reads and no declaration has',
    `const DECLARED = [...REPORT]\n${ACTION}`,
  ],
  [
    'a declared option that the action does not know',
    `const run = async ({ options }: Invocation<typeof REPORT>): Promise<void> => void options.format
export const row = declareCommand({ ...about, options: [...REPORT, toggle('--dry-rn', 'x')], load: async () => run })`,
  ],
  [
    'an action whose options are not those of the row',
    `const DECLARED = [option('--vector <id>', 'x', parseText)]
const run = async ({ options }: Invocation<typeof DECLARED>): Promise<void> => void options.vector
export const row = declareCommand({ ...about, options: REPORT, load: async () => run })`,
  ],
  [
    'an option of another type than its parser makes',
    `const DECLARED = [option('--vector <n>', 'x', wholeNumber({ most: 9 }))]
export const run = ({ options }: Invocation<typeof DECLARED>): string => options.vector ?? ''`,
  ],
  ['a flag without its dashes', `export const DECLARED = toggle('dry-run', 'x')`],
]

describe('the compiler', () => {
  let folder = ''
  let faults: readonly string[] = []
  const getFile = (what: string): string => `${what.replaceAll(' ', '-')}.ts`
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ff-options-'))
    for (const [what, code] of [...COMPILES, ...REFUSED])
      await writeFile(join(folder, getFile(what)), `${HEAD}${code}\n`)
    const compilerOptions = {
      typeRoots: [join(ROOT, 'node_modules/@types')],
      allowImportingTsExtensions: true,
      rewriteRelativeImportExtensions: false,
    }
    const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const said = await new Promise<string>((resolve) => {
      const tsc = join(ROOT, 'node_modules/.bin/tsc')
      execFile(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder }, (_, stdout) =>
        resolve(stdout),
      )
    })
    faults = said.split('\n').filter((line) => /^\S.*error TS/.test(line))
  }, 120_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const findFaults = (what: string): readonly string[] =>
    faults.filter((line) => line.startsWith(`${getFile(what)}(`))

  test.each(COMPILES)('accepts %s', (what) => expect(findFaults(what)).toEqual([]))
  test.each(REFUSED)('refuses %s', (what) => expect(findFaults(what)).not.toEqual([]))
  test('finds only the planted faults', () => {
    const planted = REFUSED.flatMap(([what]) => findFaults(what))
    expect(faults.filter((line) => !planted.includes(line))).toEqual([])
  })
})

describe('every option of every command', () => {
  const declared = new Set(
    COMMANDS.flatMap(({ commands }) =>
      commands.flatMap(({ options }) => options.map(({ flags }) => flags)),
    ),
  )
  test('there are options', () => expect(declared.size).toBeGreaterThan(50))
  test.each([...declared])('%s has the name that its type says', (flags) => {
    // The rule of the type: drop each dash and capitalize the next letter; `--no-x` is x.
    const long = (flags.split(' ')[0] ?? '').replace(/^--(no-)?/, '')
    const name = long.replaceAll(/-(.)/g, (_whole, reply: string) => reply.toUpperCase())
    expect(new Option(flags).attributeName()).toBe(name)
  })
})

describe('a declaration parses', () => {
  const NUMBER = wholeNumber({ most: 9 })
  test('a switch that is on without its option', () => {
    const { read } = negation('--no-sign', 'x')
    expect([read(false), read(undefined), read(true)]).toEqual([false, true, true])
  })
  test('a switch', () => {
    const { read } = toggle('--dry-run', 'x')
    expect([read(true), read(undefined)]).toEqual([true, false])
  })
  test('an option, or null', () => {
    const { read } = option('--max <n>', 'x', NUMBER)
    expect([read('7'), read(undefined)]).toEqual([7, null])
  })
  test('an option, or its default', () => {
    const { read } = optionOr('--max <n>', 'x', { parse: NUMBER, otherwise: 3 })
    expect([read('7'), read(undefined)]).toEqual([7, 3])
  })
  test('several', () => {
    const { read } = list('--max <n>', 'x', NUMBER)
    expect([read(['1', '2']), read(undefined)]).toEqual([[1, 2], []])
  })
  test.each([undefined, ''])('a required option that is %j is refused', (given) => {
    const { read } = required('--out <file>', 'key file', parseText)
    expect(getRefusal(() => read(given))).toEqual({
      code: 'option_invalid',
      message: 'The option --out is missing.',
      hint: 'Add --out <file>: key file.',
    })
  })
})

describe('parsers', () => {
  test.each([
    ['text', parseText, '', ''],
    ['whole number', wholeNumber({ least: 0, most: 10 }), '10', 10],
    ['seconds', parseSeconds, '0.5', 0.5],
    ['share', parseShare, '0.01', 0.01],
    ['instant', parseInstantOption, '2026-01-15T09:00:00.000Z', '2026-01-15T09:00:00.000Z'],
    ['version', parseVersion, '0004', 4],
    ['format', parseChoice(['text', 'json']), 'json', 'json'],
    ['output', parseOutput, 'json=a=b.json', { format: 'json', path: 'a=b.json' }],
    ['runner', parseRunnerFile, 'a:b.json', { path: 'a:b.json', places: PLACES }],
    [
      'runner with places',
      parseRunnerFile,
      'a:b.json:scratch,target',
      { path: 'a:b.json', places: ['target', 'scratch'] },
    ],
  ] as const)('%s', (_, parse, given, value) => expect(parse(given, '--x')).toEqual(value))

  test.each([
    ['a number below', wholeNumber({ most: 10 }), '0'],
    ['a number above', wholeNumber({ most: 10 }), '11'],
    ['a number with an exponent', wholeNumber({ most: 10 }), '1e1'],
    ['zero seconds', parseSeconds, '0'],
    ['more than a day', parseSeconds, '86401'],
    ['seconds in words', parseSeconds, 'ten'],
    ['a share of 1', parseShare, '1'],
    ['a share of 0', parseShare, '0.0'],
    ['a time without milliseconds', parseInstantOption, '2026-01-15T09:00:00Z'],
    ['a version with a sign', parseVersion, '-1'],
    ['an unknown format', parseChoice(['text', 'json']), 'toString'],
    ['an output without a path', parseOutput, 'json='],
    ['an output without a format', parseOutput, '=a'],
    ['a runner for a place that does not exist', parseRunnerFile, 'a.json:prod'],
    ['a runner for a place twice', parseRunnerFile, 'a.json:target,target'],
    ['a runner for no place', parseRunnerFile, 'a.json:'],
  ] as const)('%s is refused', (_, parse, given) => {
    expect(getRefusal(() => parse(given, '--x')).code).toBe('option_invalid')
  })
})

function getRefusal(work: () => unknown): Pick<FfError, 'code' | 'message' | 'hint'> {
  try {
    work()
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    const { code, message, hint } = error
    return { code, message, hint }
  }
  throw new Error('the value was accepted')
}
