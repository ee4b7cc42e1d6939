import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import {
  type CommandDeclaration,
  JSON_FLAG,
  takesJson,
} from '../../src/commands/declarations/row.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const COMMAND_BY_PATH: ReadonlyMap<string, CommandDeclaration> = new Map(
  COMMANDS.flatMap(({ noun, commands }) =>
    commands.map((row) => [noun === null ? row.name : `${noun} ${row.name}`, row] as const),
  ),
)
const GLOBAL = [
  '--color',
  '--no-color',
  '--debug',
  '--quiet',
  '--verbose',
  '--no-pager',
  '--version',
  '--help',
]

const listPages = async (): Promise<readonly string[]> => {
  const below = await readdir(join(ROOT, 'docs'), { recursive: true })
  const pages = below.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))
  return ['README.md', 'CONTRIBUTING.md', ...pages]
}

/** Each call of `ff` in the shell blocks of a page: in a list of commands, behind variables, `npx`, or a path. */
async function listCalls(page: string): Promise<readonly string[]> {
  const text = (await readFile(join(ROOT, page), 'utf8')).replaceAll('\\\n', ' ')
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => block.split('\n'))
    .flatMap((line) => (line.split(/(?:^|\s)# /)[0] ?? '').split(/&&|\|\||[|;]|\$\(|\)"/))
    .flatMap((part) => /^\s*(?:[A-Z_]+=\S*\s+)*(?:npx )?ff (.*)$/.exec(part)?.[1] ?? [])
}

/** What is wrong with a call; null for a command that exists with options that it takes. */
function findFault(call: string): string | null {
  const words = call.trim().split(/\s+/)
  const [first = '', second = ''] = words
  if (first === 'help' || first.startsWith('--')) return null
  const row = COMMAND_BY_PATH.get(`${first} ${second}`) ?? COMMAND_BY_PATH.get(first)
  if (row === undefined) return 'no such command'
  const known = [...row.options, ...(takesJson(row) ? [JSON_FLAG] : [])].map(
    ({ flags }) => flags.split(' ', 1)[0],
  )
  const flags = words
    .filter((word) => /^--[a-z]/.test(word))
    .map((word) => word.replace(/[^a-z-].*$/, ''))
  const unknown = flags.filter((flag) => !known.includes(flag) && !GLOBAL.includes(flag))
  return unknown.length === 0 ? null : `no option ${unknown.join(' ')}`
}

test('each command of a page exists, with the options that it is given there', async () => {
  const pages = await listPages()
  const calls = await Promise.all(
    pages.map(async (page) => (await listCalls(page)).map((call) => ({ page, call }))),
  )
  const all = calls.flat()
  expect(all.length).toBeGreaterThan(200)
  const wrong = all.map((one) => ({ ...one, fault: findFault(one.call) }))
  expect(wrong.filter(({ fault }) => fault !== null)).toEqual([])
})

test.each([
  ['gate --offlin x', 'no option --offlin'],
  ['parity rnu', 'no such command'],
  ['parity run --json', null],
])('ff %s: %s', (call, fault) => {
  expect(findFault(call)).toBe(fault)
})
