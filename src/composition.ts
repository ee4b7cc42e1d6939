import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Adapters } from './ports/adapters.ts'

/** The adapters. Each module is imported on its first call: `ff --version` imports none. */
export const adapters: Adapters = {
  openRows: async (spec, needs) => (await import('./adapters/stores.ts')).openRows(spec, needs),
  openTrail: async (spec, needs) => (await import('./adapters/stores.ts')).openTrail(spec, needs),
  openShipStore: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openShipStore(spec, needs),
  openCutoverFile: async (folder) =>
    (await import('./adapters/file-store/cutover-file.ts')).openCutoverFolder(folder),
  openCutoverDatabase: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openCutoverDatabase(spec, needs),
  openFileChain: async (folder) =>
    (await import('./adapters/file-store/file-side.ts')).openFileChain(folder),
  openFileWriter: async (folder, tools, limits) =>
    (await import('./adapters/file-store/file-side.ts')).openFileWriter(folder, tools, limits),
  handToWriter: async (folder, operation, boundMs) =>
    (await import('./adapters/file-store/hand-to-writer.ts')).handToWriter(
      folder,
      operation,
      boundMs,
    ),
  rebuildFile: async (folder, content, epoch) =>
    (await import('./adapters/file-store/rebuild-store.ts')).rebuildStore(folder, content, epoch),
  findLockHolder: async (folder) =>
    (await import('./adapters/file-store/file-side.ts')).findLockHolder(folder),
  openManagedFile: async (folder, tools, options) =>
    (await import('./adapters/file-store/shared-file-store.ts')).SharedFileStore.open(
      folder,
      tools,
      options,
    ),
  openAuditTopic: async (options) =>
    (await import('./adapters/kafka/topic.ts')).openAuditTopic(options),
  openTopicReader: async (options) =>
    (await import('./adapters/kafka/topic-reader.ts')).openTopicReader(options),
  auditSigner: async (path) =>
    (await import('./adapters/evidence-log/audit-head.ts')).openAuditSigner(path),
  signHead: async (head, signer) =>
    (await import('./adapters/evidence-log/audit-head.ts')).signHead(head, signer),
  readHead: async (text, fits) =>
    (await import('./adapters/evidence-log/audit-head.ts')).readSignedHead(text, fits),
  tryLock: async (path) => (await import('./adapters/file-lock/file-lock.ts')).tryLock(path),
  withRowSink: async (spec, needs, use) =>
    (await import('./adapters/stores.ts')).withSink(spec, needs, use),
  writeNewStore: async (folder, about, batches) =>
    (await import('./adapters/file-store/new-store.ts')).writeNewStore(folder, about, batches),
  withPrivateDatabase: async (use) =>
    (await import('./adapters/stores.ts')).withPrivateDatabase(use),
  withScratchDatabase: async (spec, versions, use) =>
    (await import('./adapters/stores.ts')).withScratchDatabase(spec, versions, use),
  withScratchFolder: async (use) => (await import('./adapters/stores.ts')).withScratchFolder(use),
  inspectSchema: async (spec, versions) =>
    (await import('./adapters/stores.ts')).inspectSchema(spec, versions),
  inspectRole: async (spec, versions, session) =>
    (await import('./adapters/stores.ts')).inspectRole(spec, versions, session),
  importedDigests: async (spec, versions) =>
    (await import('./adapters/stores.ts')).importedDigests(spec, versions),
  withMigrationSession: async (spec, needs, use) =>
    (await import('./adapters/stores.ts')).withMigrations(spec, needs, use),
  cellCredentials: async (root, settings, now) =>
    (await import('./adapters/auth/cell-credentials.ts')).openCellCredentials(root, settings, now),
  readYaml: async (text) => (await import('./adapters/yaml/read-yaml.ts')).readYaml(text),
  searchScenes: async (fails, options) =>
    (await import('./adapters/fuzz/search.ts')).searchScenes(fails, options),
  readConnectionUse: async (spec, versions) =>
    (await import('./adapters/stores.ts')).countConnections(spec, versions),
  readEvidence: async (folder) =>
    (await import('./adapters/evidence-log/log-files.ts')).readEvidence(folder),
  judgeEvidence: async (texts, shapes) =>
    (await import('./adapters/evidence-log/judge-texts.ts')).judgeTexts(texts, shapes),
  importEvidence: async (from, into, shapes) =>
    (await import('./adapters/evidence-log/import-logs.ts')).importLogs(from, into, shapes),
  makeRunner: async (path) =>
    (await import('./adapters/evidence-log/runner-key.ts')).makeRunnerKey(path),
  openRecording: async (folder, needs) =>
    (await import('./adapters/evidence-log/recording.ts')).openRecording(folder, needs),
  readRecording: async (folder, fits) =>
    (await import('./adapters/evidence-log/recording.ts')).readRecording(folder, fits),
  openEvidence: async (folder, needs) =>
    (await import('./adapters/evidence-log/opened-log.ts')).openEvidenceLog(folder, needs),
  identifyDatabase: async (spec, versions, environment) =>
    (await import('./adapters/stores.ts')).identifyDatabase(spec, versions, environment),
  openKeyServer: async (stage) =>
    (await import('./adapters/auth/test-authenticator.ts')).openKeyServer(stage),
  openTestAuthenticator: async (stage, settings) =>
    (await import('./adapters/auth/test-authenticator.ts')).openTestAuthenticator(stage, settings),
  openApprovals: async (plan) => (await import('./adapters/admin/index.ts')).openApprovals(plan),
  openAdminServer: async (approvals) =>
    (await import('./adapters/admin/test-admin-server.ts')).TestAdminServer.start(approvals),
  runCommand: async (argv, limits) =>
    (await import('./adapters/process/run-command.ts')).runCommand(argv, limits),
  startFf: async (args, limits) =>
    (await import('./adapters/process/start-program.ts')).startProgram(buildFfCall(args), limits),
  runFf: async (args, limits) =>
    (await import('./adapters/process/run-command.ts')).runCommand(buildFfCall(args), limits),
  codeVersion: async (folder) =>
    (await import('./adapters/evidence-log/code-version.ts')).codeVersion(folder),
  buildDigest: async (root) =>
    (await import('./adapters/evidence-log/build-digest.ts')).digestBuild(root),
  fetchKeys: async (url, contract, algorithms) =>
    (await import('./adapters/auth/served-keys.ts')).fetchKeys(url, contract, algorithms),
  openDevIssuer: async (claims) =>
    (await import('./adapters/auth/dev-issuer.ts')).openDevIssuer(claims),
  openAuthenticator: async (keys, settings) =>
    (await import('./adapters/auth/authenticator.ts')).openAuthenticator(keys, settings),
  openScriptedAuthenticator: async (script, settings) => {
    if (script === null) return adapters.openAuthenticator(null, settings)
    return (await import('./adapters/auth/test-authenticator.ts')).openScriptedAuthenticator(
      script,
      settings,
    )
  },
  openLiveStore: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openLive(spec, needs),
  signoffCrypto: async () => (await import('./adapters/key-files/crypto.ts')).signoffCrypto,
  signoffKeys: async () => (await import('./adapters/key-files/index.ts')).signoffKeys,
  openServiceStore: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openServed(spec, needs),
  openSampleStore: async (sample, tools) =>
    (await import('./adapters/stores.ts')).openSample(sample, tools),
  openServer: async (routes, options) =>
    (await import('./adapters/http/server.ts')).openServer(routes, options),
  openServiceLog: async (write) =>
    (await import('./adapters/telemetry/log.ts')).openServiceLog(write),
  openTelemetry: async (log, readings) =>
    (await import('./adapters/telemetry/index.ts')).openTelemetry(log, readings),
  openShipTelemetry: async (log, backlog) =>
    (await import('./adapters/telemetry/index.ts')).openShipTelemetry(log, backlog),
  openScratch: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openScratch(spec, needs),
  openScratchServiceStore: async (spec, needs) =>
    (await import('./adapters/stores.ts')).openScratch(spec, needs),
  openRowCache: async (options) =>
    (await import('./adapters/cache/index.ts')).openRowCache(options),
  cacheMac: async (key) => (await import('./adapters/cache/mac.ts')).createCacheMac(key),
  openInstalledPostgres: async (versions) =>
    (await import('./adapters/postgres/installed-server.ts')).openInstalledPostgres(versions),
  openScratchBroker: async (signal) =>
    (await import('./adapters/kafka/scratch-broker.ts')).openScratchBroker(signal),
  openScratchRedis: async (signal) =>
    (await import('./adapters/redis/scratch-redis.ts')).openScratchRedis(signal),
  connectRedis: async (url, options) =>
    (await import('./adapters/redis/connect-redis.ts')).connectRedis(url, options),
  openClient: async (origin) => (await import('./adapters/http/client.ts')).openClient(origin),
}

const buildFfCall = (args: readonly string[]): readonly string[] => [
  process.execPath,
  join(findPackageRoot(), 'dist/bin/ff.js'),
  ...args,
]

/**
 * The absolute path of the package: the nearest folder above this file with a package.json; the root of the file
 * system if there is none.
 */
export function findPackageRoot(): string {
  let here = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(here, 'package.json')) && dirname(here) !== here) here = dirname(here)
  return here
}
