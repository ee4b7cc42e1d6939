import { openAll } from '../../concurrency/open-all.ts'
import {
  HARNESS_PROTOCOL,
  type HarnessScene,
  serializeRows,
  SCENE_HEADER,
} from '../../core/parity/harness-scene.ts'
import { isLoopback, type TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient, HttpResponse } from '../../ports/http.ts'
import type { SideFacts } from '../../ports/store.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { PreparedQuestion, ParitySide } from './sides.ts'
import { readProblemCode, evaluateOverHttp } from './service-client.ts'

type Service = Extract<TargetSpec, { kind: 'http' }>

/**
 * Opens `ff serve --harness` as a side: loads rows and scenes into it and evaluates over HTTP. Reads only its facts
 * while it opens. A question that cannot be sent is the answer `unanswered`; `rows` is always null.
 *
 * @throws FfError `target_invalid` if the service is not on this machine, not a harness, or of another protocol; also
 *   errors of the client. `load` throws `backing_unavailable` if the harness refuses the rows
 */
export async function openHarnessSide(
  spec: Service,
  { openClient }: Pick<Adapters, 'openClient'>,
): Promise<ParitySide & { close(): Promise<void> }> {
  if (!isLoopback(spec)) throw makeNoHarnessError(spec)
  const { value } = await openAll(async (keep) => {
    const client = await keep(openClient(spec.origin))
    const facts = toFacts(await client.send({ method: 'GET', path: '/harness' }), spec)
    return new HarnessSide(client, facts)
  })
  return value
}

class HarnessSide implements ParitySide {
  readonly facts: SideFacts
  private readonly client: HttpClient
  /** Scene id by question, so that a repeated question reuses its scene. */
  private readonly scenes = new WeakMap<PreparedQuestion, Promise<string>>()
  private sceneCount = 0

  constructor(client: HttpClient, facts: SideFacts) {
    this.client = client
    this.facts = facts
  }

  async load(state: Parameters<ParitySide['load']>[0]): Promise<void> {
    await this.put('/harness/rows', serializeRows(state))
  }

  async ask(prepared: PreparedQuestion): ReturnType<ParitySide['ask']> {
    const known = this.scenes.get(prepared) ?? this.putScene(prepared)
    this.scenes.set(prepared, known)
    const { credential, request } = prepared.question
    try {
      const headers = { [SCENE_HEADER]: await known }
      return {
        answer: await evaluateOverHttp(this.client, { credential, request, headers }),
        rows: null,
      }
    } catch (error) {
      if (!(error instanceof FfError)) throw error
      return { answer: { status: 'unanswered', code: error.code }, rows: null }
    }
  }

  close(): Promise<void> {
    return Promise.resolve(this.client.close())
  }

  private async putScene({ question, given, script }: PreparedQuestion): Promise<string> {
    const { now, environment } = question
    const { approvals, admin } = given
    const scene: HarnessScene = { now, environment, approvals, admin, keys: script }
    const id = `scene-${(this.sceneCount += 1)}`
    await this.put(`/harness/scenes/${id}`, JSON.stringify(scene))
    return id
  }

  private async put(path: string, body: string): Promise<void> {
    const { status, text } = await this.client.send({ method: 'PUT', path, body })
    if (status === 200) return
    throw new FfError(
      'backing_unavailable',
      `The harness refused PUT ${path}: ${readProblemCode(text) ?? status}.`,
      { hint: 'Restart ff serve --harness with the same version of ff, and run again.' },
    )
  }
}

function toFacts({ status, text }: HttpResponse, spec: Service): SideFacts {
  const body: unknown = status === 200 ? parseJsonOrNull(text) : null
  if (typeof body !== 'object' || body === null || !('harness' in body))
    throw makeNoHarnessError(spec)
  const { harness, backing, server } = body as Record<string, unknown>
  const known = backing === 'file' || backing === 'db'
  if (harness !== HARNESS_PROTOCOL || !known)
    throw new FfError(
      'target_invalid',
      `The harness at ${spec.origin} does not speak protocol ${HARNESS_PROTOCOL}.`,
      {
        hint: 'Start ff serve --harness with this version of ff.',
      },
    )
  return { target: spec.origin, backing, server: typeof server === 'string' ? server : null }
}

function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // A harness answers with JSON.
  }
}

const makeNoHarnessError = ({ origin }: Service): FfError =>
  new FfError(
    'target_invalid',
    `${origin} is not a harness on this machine, so a proof cannot load its rows and clock.`,
    {
      hint: 'Start ff serve --harness on this machine, or use ff parity replay, which only reads.',
    },
  )
