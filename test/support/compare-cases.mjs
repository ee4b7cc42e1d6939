// Compares two outputs of `vitest list --json`, so that a move or a rename of test files loses no case.
//   node test/support/compare-cases.mjs BEFORE.json AFTER.json [NAMES.tsv]
// A file is identified by its name alone: its folder and the suffixes `.int` and `.e2e` do not count. NAMES.tsv has one
// line `old name<TAB>new name` for each test file that was renamed or merged into another.
// Prints each file with fewer cases than before and each missing case; exits 1 if there is one.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

const [before, after, names] = process.argv.slice(2)
if (before === undefined || after === undefined)
  throw new Error('Usage: compare-cases.mjs BEFORE.json AFTER.json [NAMES.tsv]')

const plainName = (path) => basename(path.trim()).replace(/(?:\.(?:int|e2e))?\.test\.ts$/, '')
const newNames = new Map(
  (names === undefined ? '' : readFileSync(names, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('\t'))
    .map((line) => line.split('\t').slice(0, 2).map(plainName)),
)

/** For each file, how often each case stands in it. */
function readCases(path, toName) {
  const cases = JSON.parse(readFileSync(path, 'utf8'))
  if (cases.length === 0) throw new Error(`${path} lists no case`)
  const files = new Map()
  for (const { name, file } of cases) {
    const key = toName(plainName(file))
    const counts = files.get(key) ?? new Map()
    files.set(key, counts.set(name, (counts.get(name) ?? 0) + 1))
  }
  return files
}

const size = (counts) => [...counts.values()].reduce((sum, count) => sum + count, 0)
const old = readCases(before, (name) => newNames.get(name) ?? name)
const now = readCases(after, (name) => name)
const lines = []
for (const [file, cases] of old) {
  const kept = now.get(file) ?? new Map()
  if (size(kept) < size(cases))
    lines.push(`${file}: ${size(cases)} cases before, ${size(kept)} now`)
  for (const [name, count] of cases)
    if ((kept.get(name) ?? 0) < count) lines.push(`${file}: gone: ${name}`)
}
const total = (files) => [...files.values()].reduce((sum, cases) => sum + size(cases), 0)
lines.push(`${total(old)} cases in ${old.size} files before, ${total(now)} in ${now.size} now`)
process.stdout.write(`${lines.join('\n')}\n`)
process.exitCode = lines.length > 1 ? 1 : 0
