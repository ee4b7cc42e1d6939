// Runs the mutation tester over the parts that decide, and writes RESULTS.md.
//   npm run mutate                  all parts
//   npm run mutate -- core/gate     one part; its rows alone are replaced
// Exits 1 while a survivor has no reason.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EQUIVALENT } from './equivalent.mjs'
import { PARTS } from './parts.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const REPORT = `${ROOT}reports/mutation.json`
const RESULTS = fileURLToPath(new URL('RESULTS.md', import.meta.url))
const STORED = fileURLToPath(new URL('results.json', import.meta.url))

/** States of a mutant that no test noticed, also where none covers it or none ran. */
const SURVIVED = ['Survived', 'NoCoverage', 'RuntimeError']

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in PARTS))
if (unknown.length > 0)
  throw new Error(
    `No part is named ${unknown.join(', ')}. The parts: ${Object.keys(PARTS).join(', ')}`,
  )

const stored = existsSync(STORED) ? JSON.parse(readFileSync(STORED, 'utf8')) : {}
for (const name of wanted.length > 0 ? wanted : Object.keys(PARTS))
  stored[name] = measure(PARTS[name])
writeFileSync(STORED, `${JSON.stringify(stored, null, 2)}\n`)
writeFileSync(RESULTS, describe(stored))
const open = Object.values(stored).flatMap(({ survivors }) => survivors.filter(isOpen))
process.exitCode = open.length === 0 ? 0 : 1

/** Counts of the mutants of a part, and its survivors, whatever equivalent.mjs says of them. */
function measure({ mutate, tests }) {
  rmSync(REPORT, { force: true })
  execFileSync(
    'npx',
    ['stryker', 'run', 'test/mutation/stryker.config.mjs', '--mutate', mutate.join(',')],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, FF_MUTATION_TESTS: tests.join(',') } },
  )
  const { files } = JSON.parse(readFileSync(REPORT, 'utf8'))
  const mutants = Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map((mutant) => ({ file, mutant, text: textAt(source, mutant.location) })),
  )
  const count = (...states) => mutants.filter(({ mutant }) => states.includes(mutant.status)).length
  return {
    mutants: mutants.length - count('Ignored', 'CompileError'),
    killed: count('Killed'),
    timedOut: count('Timeout'),
    survivors: mutants
      .filter(({ mutant }) => SURVIVED.includes(mutant.status))
      .map(({ file, mutant, text }) => ({
        file,
        line: mutant.location.start.line,
        change: `${text} -> ${oneLine(mutant.replacement)}`,
      })),
  }
}

/** Whether `equivalent.mjs` gives no reason why a mutant survived. */
function isOpen({ file, change }) {
  return EQUIVALENT[file]?.[change] === undefined
}

/** The mutated text on one line; a location is 1-based with an exclusive end. */
function textAt(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1)
  return oneLine(lines.join('\n').slice(start.column - 1))
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim()
}

function describe(results) {
  const rows = Object.entries(results).map(([name, { mutants, killed, timedOut, survivors }]) => {
    const equivalent = survivors.filter((mutant) => !isOpen(mutant)).length
    const score = (100 * (killed + timedOut)) / (mutants - equivalent)
    return `| ${name} | ${mutants} | ${killed} | ${timedOut} | ${equivalent} | ${survivors.length - equivalent} | ${score.toFixed(1)} % |`
  })
  const lists = Object.entries(results).flatMap(([name, { survivors }]) => {
    const open = survivors.filter(isOpen)
    return open.length === 0
      ? []
      : [
          '',
          `## Survivors of ${name}`,
          '',
          ...open.map(({ file, line, change }) => `- \`${file}:${line}\` ${inCode(change)}`),
        ]
  })
  return [
    '# Mutation tests',
    '',
    'Written by `npm run mutate`. A mutant is one small change of the code; it is killed when a unit test fails. A mutant',
    'that no test can kill, because it changes nothing that can be seen, is equivalent: `equivalent.mjs` says why.',
    '',
    '| part | mutants | killed | timed out | equivalent | survived | score |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    ...lists,
    '',
  ].join('\n')
}

function inCode(text) {
  const fence = text.includes('`') ? '``' : '`'
  return fence === '`' ? `\`${text}\`` : `\`\` ${text} \`\``
}
