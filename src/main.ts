import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Adapters } from './app/adapters.ts'
import type { Context, Io } from './commands/context.ts'
import { runProgram } from './commands/program.ts'
import { EXITS } from './core/exit.ts'

/**
 * The composition root: the only reader of arguments, environment, streams, signals and the clock.
 *
 * @param given what a test runs the program with instead of what belongs to this process
 * @returns the exit status
 */
export async function main(given: Partial<Context> = {}, argv = process.argv): Promise<number> {
  const context: Context = {
    root: packageRoot(),
    cwd: process.cwd(),
    env: process.env,
    now: () => new Date(),
    nodeVersion: process.version,
    io: given.io ?? standardStreams(),
    adapters,
    onSignal,
    exit: 'internal',
    ...given,
  }
  await runProgram(argv, context)
  return EXITS[context.exit][0]
}

/** Each loads what it needs when it is called: `ff --version` loads none of it. */
export const adapters: Adapters = {
  openRows: async (spec, needs) => (await import('./backings/index.ts')).openRows(spec, needs),
  openTrail: async (spec, versions) =>
    (await import('./backings/index.ts')).openTrail(spec, versions),
  auditSigner: async (path) => (await import('./evidence/audit-head.ts')).auditSigner(path),
  signHead: async (head, signer) =>
    (await import('./evidence/audit-head.ts')).signHead(head, signer),
  readHead: async (text, fits) => (await import('./evidence/audit-head.ts')).readHead(text, fits),
  tryLock: async (path) => (await import('./locks/file-lock.ts')).tryLock(path),
  withRowSink: async (spec, needs, use) =>
    (await import('./backings/index.ts')).withSink(spec, needs, use),
  writeNewStore: async (folder, about, batches) =>
    (await import('./backings/file/new-store.ts')).writeNewStore(folder, about, batches),
  withPrivateDatabase: async (use) =>
    (await import('./backings/index.ts')).withPrivateDatabase(use),
  withScratchDatabase: async (spec, versions, use) =>
    (await import('./backings/index.ts')).withScratchDatabase(spec, versions, use),
  withScratchFolder: async (use) => (await import('./backings/index.ts')).withScratchFolder(use),
  inspectSchema: async (spec, versions) =>
    (await import('./backings/index.ts')).inspectSchema(spec, versions),
  inspectRole: async (spec, versions) =>
    (await import('./backings/index.ts')).inspectRole(spec, versions),
  importedDigests: async (spec, versions) =>
    (await import('./backings/index.ts')).importedDigests(spec, versions),
  withMigrationSession: async (spec, needs, use) =>
    (await import('./backings/index.ts')).withMigrations(spec, needs, use),
  cellCredentials: async (root, settings, now) =>
    (await import('./auth/cell-credentials.ts')).cellCredentials(root, settings, now),
  searchScenes: async (fails, options) =>
    (await import('./fuzz/search.ts')).searchScenes(fails, options),
  readEvidence: async (folder) => (await import('./evidence/evidence-log.ts')).readEvidence(folder),
  judgeEvidence: async (texts, fits) =>
    (await import('./evidence/evidence-log.ts')).judgeTexts(texts, fits),
  makeRunner: async (path) => (await import('./evidence/runner-key.ts')).makeRunnerKey(path),
  openEvidence: async (folder, needs) =>
    (await import('./evidence/opened-log.ts')).openLog(folder, needs),
  identifyDatabase: async (spec, versions) =>
    (await import('./backings/index.ts')).identifyDatabase(spec, versions),
  openKeyServer: async (stage) => (await import('./auth/scripted-door.ts')).openKeyServer(stage),
  openStagedDoor: async (stage, settings) =>
    (await import('./auth/scripted-door.ts')).openStagedDoor(stage, settings),
  openApprovals: async (plan) => (await import('./admin/index.ts')).openApprovals(plan),
  openAdminServer: async (approvals) =>
    (await import('./admin/scripted-admin.ts')).ScriptedAdmin.start(approvals),
  runCommand: async (argv, limits) =>
    (await import('./process/run-command.ts')).runCommand(argv, limits),
  startFf: async (args, limits) =>
    (await import('./process/start-program.ts')).startProgram(
      [process.execPath, join(packageRoot(), 'dist/bin/ff.js'), ...args],
      limits,
    ),
  codeVersion: async (folder) => (await import('./evidence/code-version.ts')).codeVersion(folder),
  verifySignoff: async (question) => {
    const [{ peopleOf }, tools] = await Promise.all([
      import('./app/signoff/for-gate.ts'),
      adapters.signoffTools(),
    ])
    return peopleOf(question.texts, question, tools)
  },
  fetchKeys: async (url, contract, algorithms) =>
    (await import('./auth/served-keys.ts')).fetchKeys(url, contract, algorithms),
  openDevIssuer: async (claims) => (await import('./auth/dev-issuer.ts')).openDevIssuer(claims),
  openDoorOn: async (keys, settings) => (await import('./auth/door.ts')).openDoorOn(keys, settings),
  openDoor: async (script, settings) => {
    if (script === null) return adapters.openDoorOn(null, settings)
    return (await import('./auth/scripted-door.ts')).openScriptedDoor(script, settings)
  },
  openLive: async (spec, needs) => (await import('./backings/index.ts')).openLive(spec, needs),
  signoffTools: async () => {
    const [{ toolsOf }, { signoffCrypto: crypto }] = await Promise.all([
      import('./app/signoff/desk.ts'),
      import('./signoff/crypto.ts'),
    ])
    return toolsOf({ crypto })
  },
  signoffKeys: async () => (await import('./signoff/index.ts')).signoffKeys,
  readGate: async ({ root, cwd, env, now }) => {
    const [{ readGate }, { gateRequest }] = await Promise.all([
      import('./app/gate.ts'),
      import('./commands/gate.ts'),
    ])
    const place = { root, cwd, env, adapters, now: () => new Date(now) }
    return readGate(await gateRequest(place, {}), adapters)
  },
  openServed: async (spec, needs) => (await import('./backings/index.ts')).openServed(spec, needs),
  openSample: async (sample, tools) =>
    (await import('./backings/index.ts')).openSample(sample, tools),
  openServer: async (routes, options) =>
    (await import('./http/server.ts')).openServer(routes, options),
  openLog: async (write) => (await import('./telemetry/log.ts')).openLog(write),
  openTelemetry: async (log, readings) =>
    (await import('./telemetry/index.ts')).openTelemetry(log, readings),
  openScratch: async (spec, needs) =>
    (await import('./backings/index.ts')).openScratch(spec, needs),
  openServedScratch: async (spec, needs) =>
    (await import('./backings/index.ts')).openScratch(spec, needs),
  openClient: async (origin) => (await import('./http/client.ts')).openClient(origin),
}

function packageRoot(): string {
  let here = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(here, 'package.json')) && dirname(here) !== here) here = dirname(here)
  return here
}

function standardStreams(): Io {
  // A reader that has gone away (EPIPE) fails the write that notices it; without a listener it would crash us.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  return {
    stdout: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
      }),
    stderr: (text) => void process.stderr.write(text),
    stdin: () => process.stdin,
    terminal: async () => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      return (await import('./signoff/terminal.ts')).terminalOn(process.stdin, process.stderr)
    },
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
  }
}

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated' } as const

const onSignal: Context['onSignal'] = (heard) => {
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]
  let signals = 0
  const listen = (name: NodeJS.Signals): void => {
    signals += 1
    if (signals === 1) return heard(SIGNALS[name as keyof typeof SIGNALS])
    // Asked twice: stop cleaning up. The next run sweeps what is left.
    stop()
    process.kill(process.pid, name)
  }
  const stop = (): void => names.forEach((name) => void process.off(name, listen))
  names.forEach((name) => process.on(name, listen))
  return stop
}
