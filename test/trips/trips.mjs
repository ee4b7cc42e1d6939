/**
 * Counts how many files and names one thing has on its way (`npm run trips`): the files of src that have a function on
 * the stack, and the named types in the parameters and results of the functions that are called there.
 *
 * - a vector through `ff parity run`: from the moment at which both sides are open until the verdict
 * - a request through `ff serve`: from `handle` of its route until the reply
 */
import { parse } from '@swc/core'
import { readFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import { adapters } from '../../dist/src/composition.js'
import { DEFAULT_SETTINGS } from '../../dist/src/core/settings/settings.js'
import { parityRun } from '../../dist/src/features/parity/parity.js'
import { startService } from '../../dist/src/features/serve/serve.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILT = new URL('../../dist/src/', import.meta.url).href
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

/** The names of the functions that were called since the last look, by source file. */
async function takeCalled() {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const called = new Map()
  for (const { url, functions } of result) {
    if (!url.startsWith(BUILT)) continue
    // The first function of a module is the module itself: it runs when it is loaded.
    const names = functions
      .slice(1)
      .filter(({ ranges: [first] }) => first.count > 0)
      .map(({ functionName }) => functionName)
    if (names.length > 0) called.set(url.slice(BUILT.length).replace(/\.js$/, '.ts'), names)
  }
  return called
}

async function countVector() {
  let open = 0
  let called = new Map()
  const openScratch = async (spec, needs) => {
    const scratch = await adapters.openScratch(spec, needs)
    open += 1
    if (open === 2) await takeCalled()
    const close = async () => {
      if (open === 2) called = await takeCalled()
      open = 0
      await scratch.close()
    }
    return { ...scratch, close }
  }
  const report = await parityRun({
    root: ROOT,
    baseline: { kind: 'file', folder: null },
    allowSameKind: false,
    candidate: { kind: 'embedded' },
    adapters: { ...adapters, openScratch },
    signal: new AbortController().signal,
    now: () => new Date(),
    progress: () => undefined,
    more: [],
    only: 'PT-05',
  })
  if (report.counts.compared !== 1) throw new Error('no vector was compared')
  return called
}

async function countRequest() {
  let called = new Map()
  const openServer = (routes, options) =>
    adapters.openServer(
      routes.map((route) => ({
        ...route,
        handle: async (call) => {
          await takeCalled()
          try {
            return await route.handle(call)
          } finally {
            called = await takeCalled()
          }
        },
      })),
      options,
    )
  const service = await startService({
    root: ROOT,
    adapters: { ...adapters, openServer },
    settings: { ...DEFAULT_SETTINGS, FF_LISTEN: { host: '127.0.0.1', port: 0 } },
    now: () => new Date(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    version: null,
  })
  const answer = await fetch(`${service.origin}/v1/flags/evaluate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ flag_key: 'ff.sample.banner' }),
  })
  if (answer.status !== 200) throw new Error(`the service answered ${answer.status}`)
  await service.close()
  return called
}

const BUILT_IN = new Set(
  'Promise RegExp Readonly Record Pick Omit Partial Array ReadonlyArray Map ReadonlyMap Set ReadonlySet Extract Exclude NonNullable ReturnType Parameters AsyncIterable Iterable AsyncGenerator Generator Buffer Uint8Array Error Date URL AbortSignal T A B K R S'.split(
    ' ',
  ),
)

/** Named types in the signatures of these functions. */
async function listTypes(called) {
  const found = new Set()
  for (const [file, names] of called) {
    const text = await readFile(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    const module = await parse(text, { syntax: 'typescript', target: 'es2022' })
    for (const { name, signature } of functionsIn(module))
      if (names.includes(name)) for (const type of typesIn(signature)) found.add(type)
  }
  return [...found].filter((name) => !BUILT_IN.has(name)).toSorted(byText)
}
function* functionsIn(node) {
  if (typeof node !== 'object' || node === null) return
  if (node.type === 'FunctionDeclaration')
    yield { name: node.identifier.value, signature: [node.params, node.returnType] }
  if (node.type === 'VariableDeclarator' && node.init?.type === 'ArrowFunctionExpression')
    yield {
      name: node.id.value,
      signature: [node.init.params, node.init.returnType, node.id.typeAnnotation],
    }
  if (node.type === 'ClassMethod')
    yield { name: node.key.value, signature: [node.function.params, node.function.returnType] }
  for (const member of Object.values(node)) yield* functionsIn(member)
}
function* typesIn(node) {
  if (typeof node !== 'object' || node === null) return
  if (node.type === 'TsTypeReference')
    yield node.typeName.type === 'Identifier' ? node.typeName.value : node.typeName.right.value
  for (const member of Object.values(node)) yield* typesIn(member)
}

const byText = (a, b) => a.localeCompare(b)

async function show(trip, called) {
  const types = await listTypes(called)
  const files = [...called.keys()].toSorted(byText)
  process.stdout.write(`${trip}: ${files.length} files, ${types.length} names\n`)
  for (const file of files) process.stdout.write(`  ${file}\n`)
  process.stdout.write(`  names: ${types.join(', ')}\n`)
}

await show('a vector through `ff parity run`', await countVector())
await show('a request through `ff serve`', await countRequest())
session.disconnect()
