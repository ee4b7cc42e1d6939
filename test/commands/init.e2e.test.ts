import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { parseTrust } from '../../src/core/signoff/trust.ts'
import { tools } from '../features/signoff/people.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'

let cwd = ''
let made: Run
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-init-'))
  made = await runFf(['init'], { cwd })
  await mkdir(join(cwd, 'node_modules/.bin'), { recursive: true })
  await symlink(join(ROOT, 'dist/bin/ff.js'), join(cwd, 'node_modules/.bin/ff'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

/** Runs a pasted line in a shell in the folder, with stdin closed. */
const pasted = (line: string): Promise<Run> =>
  new Promise((resolve) => {
    const env = { ...process.env, PATH: `${join(cwd, 'node_modules/.bin')}:${process.env['PATH']}` }
    const child = execFile('bash', ['-c', line], { cwd, env }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, signal: child.signalCode, stdout, stderr }),
    )
    child.stdin?.end()
  })
/** Runs a pasted line: one `ff` in this process, with the words that a shell makes of it; any other in a shell. */
async function runExample(line: string): Promise<Run> {
  if (!/^ff [^<>|&;]*$/.test(line)) return pasted(line)
  const split = await pasted(`ff() { printf '%s\\0' "$@"; }\n${line}`)
  return split.status === 0 ? runFf(split.stdout.split('\0').slice(0, -1), { cwd }) : split
}
const listed = ({ stdout }: Run): readonly string[] =>
  [...(stdout.split('Next:')[0] ?? '').matchAll(/^ {2}(\S+)$/gm)].map(([, name = '']) => name)
const next = ({ stdout }: Run): readonly string[] =>
  [...(stdout.split('Next:')[1] ?? '').matchAll(/^ {2}(ff .*)$/gm)].map(([, line = '']) => line)

describe('ff init', () => {
  test('writes the files that it lists, the key readable by its owner only', async () => {
    expect(made.status).toBe(0)
    const found = await readdir(cwd, { recursive: true, withFileTypes: true })
    const files = found
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name).slice(cwd.length + 1))
      .filter((name) => !name.startsWith('node_modules'))
    expect([...listed(made)].sort()).toEqual(files.sort())
    expect((await stat(join(cwd, '.ff/runner.pem'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(cwd, '.ff/.gitignore'), 'utf8')).toContain('runner.pem')
  })
  test('git changes no byte of evidence and checklists', async () => {
    const other = await mkdtemp(join(tmpdir(), 'ff-init-'))
    await runFf(['init'], { cwd: other })
    const paths = ['checklists/trust.json', '.ff/evidence/kid/evidence.ndjson', 'ff.config.json']
    const line = `git -C ${other} init -q && git -C ${other} check-attr text -- ${paths.join(' ')}`
    const { stdout } = await pasted(line)
    await rm(other, { recursive: true })
    expect(
      stdout
        .trim()
        .split('\n')
        .map((one) => one.split(': ').at(-1)),
    ).toEqual(['unset', 'unset', 'unspecified'])
  })
  test('a second time ends 2, lists the existing files, and changes nothing', async () => {
    const before = await readFile(join(cwd, '.ff/runner.pem'), 'utf8')
    const run = await runFf(['init', '--debug'], { cwd })
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[file_exists')])
    for (const name of listed(made)) expect(run.stderr).toContain(name)
    expect(await readFile(join(cwd, '.ff/runner.pem'), 'utf8')).toBe(before)
  })
  test('the configuration names its schema, and fits it', async () => {
    const config = JSON.parse(await readFile(join(cwd, 'ff.config.json'), 'utf8')) as object
    expect(validateSchema('config', config, '')).toEqual([])
    expect(config).toHaveProperty('$schema')
    expect((await runFf(['config', 'show'], { cwd })).status).toBe(0)
  })
  test('with one existing file writes none', async () => {
    const other = await mkdtemp(join(tmpdir(), 'ff-init-'))
    await mkdir(join(other, 'checklists/templates'), { recursive: true })
    await writeFile(join(other, 'checklists/templates/plan.json'), 'mine')
    const run = await runFf(['init'], { cwd: other })
    expect([run.status, await readdir(other)]).toEqual([2, ['checklists']])
    expect(run.stderr).toContain('  checklists/templates/plan.json\n')
    await rm(other, { recursive: true })
  })
  test('the three commands that it prints work as pasted', async () => {
    const lines = next(made)
    expect(lines).toHaveLength(3)
    const runs = []
    for (const line of lines) runs.push((await pasted(line)).status)
    expect(runs).toEqual([0, 0, 22])
  })
  test('the CI job always runs, and ends with the exit of the gate', async () => {
    const text = await readFile(join(cwd, '.github/workflows/ff-gate.yml'), 'utf8')
    expect(text.match(/if: always\(\)/g)).toHaveLength(3)
    expect(text).not.toMatch(/continue-on-error|\|\||npx|@FF_VERSION@/)
    const lines = [...text.matchAll(/^ +(?:- )?run: (.*)$/gm)].map(([, line = '']) => line)
    expect(lines).toEqual([
      'npm ci --ignore-scripts',
      expect.stringMatching(/^node_modules\/\.bin\/ff --version \| grep -Fx \d+\.\d+\.\d+$/),
      expect.stringMatching(/^node_modules\/\.bin\/ff gate [^|;&]*$/),
    ])
    const run = await pasted(lines[2] ?? '')
    expect([run.status, run.stdout]).toEqual([22, expect.stringContaining('::')])
    for (const name of ['gate.html', 'gate.xml', 'decision.json'])
      expect((await stat(join(cwd, 'reports', name))).size).toBeGreaterThan(0)
  })
  test('the template of a trust file is valid, and trusts no key', async () => {
    const text = await readFile(join(cwd, 'checklists/templates/trust.json'), 'utf8')
    expect(parseTrust(text, tools)).toMatchObject({
      ok: false,
      fault: { code: 'trust_kid_differs' },
    })
  })
  test('a trust file accepts its public key', async () => {
    const shown = await readFile(join(cwd, '.ff/runner.pub.json'), 'utf8')
    expect(tools.shape('public_key', JSON.parse(shown) as unknown)).toMatchObject({ ok: true })
  })
})

describe('the first example of each command, as pasted there', () => {
  // Commands that run long, need a terminal or serve have tests of their own.
  const LONG =
    /^ff (parity (?!preflight)|jwks check|migrate|init|serve|rehearse|observe watch|cutover drill|probe (run$|selftest))|mkdir|mint/
  const examples = COMMANDS.flatMap(({ noun, commands }) =>
    commands.map(({ name, examples: [line] }) => [`${noun ?? ''} ${name}`, line]),
  ).filter(([, line]) => !LONG.test(line ?? ''))
  test.each(examples)('%s: %s', async (_name, line = '') => {
    const { status, stderr } = await runExample(line)
    // Success, or an error with message and hint, also one of the shell.
    if (stderr.startsWith('bash:')) return expect(stderr).toMatch(/No such file or directory/)
    expect(status).not.toBe(1)
    if (status === 2 || stderr.startsWith('ff:'))
      expect(stderr).toMatch(/^ff: [^\n]+[.!?]\n( {2}[^\n]*\n)*[^\n]+[.!?]\n\[\w+, exit \w+\]\n$/)
  })
})
