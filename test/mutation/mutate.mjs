// Runs the mutation tester over the parts that decide, and writes RESULTS.md.
//   npm run mutate                               all parts
//   npm run mutate -- core/gate                  one part
//   npm run mutate -- src/core/gate/limits.ts    one file, by the tests of its part
// The results of what is measured are replaced, the others stay. Exits 1 while a survivor has no reason.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
const isFileOf = (name) => (path) => path.startsWith(`src/${name}/`)
const unknown = wanted.filter(
  (one) => !(one in PARTS) && !Object.keys(PARTS).some((name) => isFileOf(name)(one)),
)
if (unknown.length > 0)
  throw new Error(
    `No part is or has ${unknown.join(', ')}. The parts: ${Object.keys(PARTS).join(', ')}`,
  )

const stored = existsSync(STORED) ? JSON.parse(readFileSync(STORED, 'utf8')) : {}
for (const [name, part] of Object.entries(PARTS)) {
  const mutate = wanted.filter(isFileOf(name))
  const isWhole = wanted.length === 0 || wanted.includes(name)
  if (!isWhole && mutate.length === 0) continue
  stored[name] = isWhole ? measure(part) : { ...stored[name], ...measure({ ...part, mutate }) }
  // After each part: all of them take hours, and the next one replaces Stryker's report.
  writeFileSync(STORED, `${JSON.stringify(stored, null, 2)}\n`)
  writeFileSync(RESULTS, describe(stored))
}
const open = Object.values(stored).flatMap(listSurvivors).filter(isOpen)
process.exitCode = open.length === 0 ? 0 : 1

/** By file: the counts of its mutants, and its survivors, whatever equivalent.mjs says of them. */
function measure({ mutate, tests }) {
  rmSync(REPORT, { force: true })
  execFileSync(
    'npx',
    ['stryker', 'run', 'test/mutation/stryker.config.mjs', '--mutate', mutate.join(',')],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, FF_MUTATION_TESTS: tests.join(',') } },
  )
  const { files } = JSON.parse(readFileSync(REPORT, 'utf8'))
  return Object.fromEntries(Object.entries(files).map(([file, found]) => [file, count(found)]))
}

function count({ source, mutants }) {
  const having = (...states) => mutants.filter(({ status }) => states.includes(status))
  return {
    mutants: mutants.length - having('Ignored', 'CompileError').length,
    killed: having('Killed').length,
    timedOut: having('Timeout').length,
    survivors: having(...SURVIVED).map(({ location, replacement }) => ({
      line: location.start.line,
      change: `${textAt(source, location)} -> ${oneLine(replacement)}`,
    })),
  }
}

/** The survivors of a part, each with its file. */
function listSurvivors(files) {
  return Object.entries(files).flatMap(([file, { survivors }]) =>
    survivors.map((one) => ({ file, ...one })),
  )
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

/** The files of a part for which there is no result: not measured yet, or without a mutant. */
function listAbsent(name, files) {
  return readdirSync(`${ROOT}src/${name}`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !(`src/${name}/${file}` in files))
    .toSorted((a, b) => (a < b ? -1 : 1))
}

function describe(results) {
  const parts = Object.entries(results)
  const rows = parts.map(([name, files]) => {
    const sum = (member) => Object.values(files).reduce((total, file) => total + file[member], 0)
    const [mutants, killed, timedOut] = [sum('mutants'), sum('killed'), sum('timedOut')]
    const survivors = listSurvivors(files)
    const equivalent = survivors.filter((mutant) => !isOpen(mutant)).length
    const score = (100 * (killed + timedOut)) / (mutants - equivalent)
    return `| ${name} | ${mutants} | ${killed} | ${timedOut} | ${equivalent} | ${survivors.length - equivalent} | ${score.toFixed(1)} % |`
  })
  const lists = parts.flatMap(([name, files]) => {
    const open = listSurvivors(files).filter(isOpen)
    return open.length === 0
      ? []
      : [
          '',
          `## Survivors of ${name}`,
          '',
          ...open.map(({ file, line, change }) => `- \`${file}:${line}\` ${inCode(change)}`),
        ]
  })
  const absent = parts
    .map(([name, files]) => [name, listAbsent(name, files)])
    .filter(([, files]) => files.length > 0)
    .map(([name, files]) => `- ${name}: ${files.join(', ')}`)
  return [
    '# Mutation tests',
    '',
    'Written by `npm run mutate`. A mutant is one small change of the code; it is killed when a unit test fails. A mutant',
    'that no test can kill, because it changes nothing that can be seen, is equivalent: `equivalent.mjs` says why.',
    '',
    '| part | mutants | killed | timed out | equivalent | survived | score |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    'Files without a result, because they were not measured or hold no mutant:',
    '',
    ...absent,
    ...lists,
    '',
  ].join('\n')
}

function inCode(text) {
  const fence = text.includes('`') ? '``' : '`'
  return fence === '`' ? `\`${text}\`` : `\`\` ${text} \`\``
}
