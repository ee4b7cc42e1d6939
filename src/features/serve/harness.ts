import {
  HARNESS_PROTOCOL,
  type HarnessScene,
  ROW_LISTS,
  SCENE_HEADER,
} from '../../core/parity/harness-scene.ts'
import { closeAll } from '../../concurrency/open-all.ts'
import { isJsonArray, type JsonNode, type JsonObject } from '../../core/json/read.ts'
import { appendPointer } from '../../core/json/pointer.ts'
import { makeProblem, type Problem } from '../../core/problem.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import { parseInstant } from '../../core/rows/instant.ts'
import { type AnyRow, type RowsByTable, TABLE_NAMES, type TableName } from '../../core/rows/rows.ts'
import type { ApprovalService } from '../../ports/admin.ts'
import type { Route, RouteRequest, RouteResponse } from '../../ports/http.ts'
import type { OpenAuthenticator } from '../../ports/auth.ts'
import type { ScratchServiceStore } from '../../ports/store.ts'
import type { ServiceObserver } from '../../ports/telemetry.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { toApprovalCheck } from '../evaluation/answer-question.ts'
import { parseJsonBody, requireSchema } from './body.ts'
import {
  type GetServiceDependencies,
  NULL_ADMIN_METRICS,
  type ServiceDependencies,
} from './dependencies.ts'
import { HttpRefusal, toJsonResponse } from './reply.ts'
import { withRefusals } from './routes.ts'

/** In bytes: several times the rows of all oracle cells. */
const MAX_ROWS_BYTES = 33_554_432
/** Between two puts of rows. */
const MAX_SCENES = 10_000
const MAX_AUTHENTICATORS = 256

/** All that a harness uses. */
export interface HarnessDependencies {
  readonly scratch: ScratchServiceStore
  /** Opens an authenticator whose key server follows the script. */
  readonly openAuthenticator: (
    script: HarnessScene['keys'],
  ) => ReturnType<Adapters['openScriptedAuthenticator']>
  readonly observer: ServiceObserver
  /** Builds the routes of a service over the dependencies of a scene. */
  readonly routes: (parts: GetServiceDependencies) => readonly Route[]
}
type Scene = ReadonlyMap<string, Route>

/**
 * A service whose rows, clock, environment, approvals and keys come over HTTP, for parity proofs only. Each request
 * names its scene in a header, so that many scenes are served at once.
 */
export class Harness {
  private readonly context: HarnessDependencies
  private readonly scenes = new Map<string, Scene>()
  /** By script, as JSON: scenes with the same script share one authenticator, as in-process proofs do. */
  private readonly authenticators = new Map<string, Promise<OpenAuthenticator>>()

  constructor(context: HarnessDependencies) {
    this.context = context
  }

  /**
   * The routes that set rows and scenes, and those of a service, which answer `scene_unknown` without a known scene.
   */
  routes(): readonly Route[] {
    const inScenes = this.context.routes(refuseUnknownScene).map(({ id, method, path }) => ({
      id,
      method,
      path,
      handle: withRefusals((call: RouteRequest) => this.toScene(call, id).handle(call)),
    }))
    return [
      {
        id: 'harness.facts',
        method: 'GET',
        path: '/harness',
        handle: () => Promise.resolve(this.facts()),
      },
      {
        id: 'harness.rows',
        method: 'PUT',
        path: '/harness/rows',
        body_bytes: MAX_ROWS_BYTES,
        handle: withRefusals((call) => this.putRows(call)),
      },
      {
        id: 'harness.scene',
        method: 'PUT',
        path: '/harness/scenes/:scene',
        handle: withRefusals((call) => this.putScene(call)),
      },
      ...inScenes,
    ]
  }

  /** Drops all scenes and closes their authenticators, not the scratch store. @throws the errors of closing */
  async close(): Promise<void> {
    this.scenes.clear()
    const authenticators = [...this.authenticators.values()]
    this.authenticators.clear()
    await closeAll(authenticators)
  }

  private facts(): RouteResponse {
    return toJsonResponse(
      JSON.stringify({ harness: HARNESS_PROTOCOL, ...this.context.scratch.facts }),
    )
  }

  /** Replaces all rows, and drops the scenes over the rows before. */
  private async putRows({ body }: RouteRequest): Promise<RouteResponse> {
    const state = parseRows(parseJsonBody(body))
    await this.close()
    await this.context.scratch.store.load(state)
    return DONE
  }

  private async putScene({ body, params }: RouteRequest): Promise<RouteResponse> {
    const scene = requireSchema<HarnessScene>('harness-scene', parseJsonBody(body))
    checkTimes(scene)
    const authenticator = await this.getAuthenticator(scene.keys)
    if (this.scenes.size >= MAX_SCENES) throw new HttpRefusal('too_many_scenes')
    const { now, environment } = scene
    const { store } = this.context.scratch
    const parts: ServiceDependencies = {
      store,
      lastKnown: null,
      // At once: a proof compares the trail after each change.
      recordRefusal: (refused) => store.refuse(refused),
      authenticator,
      approvals: createAdmin(scene),
      environment,
      now: () => now,
      observer: this.context.observer,
    }
    const routes = this.context.routes(() => parts)
    this.scenes.set(params['scene'] ?? '', new Map(routes.map((route) => [route.id, route])))
    return DONE
  }

  private toScene(call: RouteRequest, route: string): Route {
    const sceneRoute = this.scenes.get(call.header(SCENE_HEADER) ?? '')?.get(route)
    if (sceneRoute === undefined) throw new HttpRefusal('scene_unknown')
    return sceneRoute
  }

  private getAuthenticator(script: HarnessScene['keys']): Promise<OpenAuthenticator> {
    const name = JSON.stringify(script)
    const existing = this.authenticators.get(name)
    if (existing !== undefined) return existing
    if (this.authenticators.size >= MAX_AUTHENTICATORS) throw new HttpRefusal('too_many_scenes')
    const opened = this.context.openAuthenticator(script)
    this.authenticators.set(name, opened)
    // A failed open is not kept: the next scene tries again, and close() has nothing to close.
    opened.catch(() => this.authenticators.delete(name))
    return opened
  }
}

const DONE = toJsonResponse('{}')
/** A request without a scene has no dependencies. */
const refuseUnknownScene: GetServiceDependencies = () => {
  throw new HttpRefusal('scene_unknown')
}

const createAdmin = (scene: HarnessScene): ApprovalService => ({
  begin: () => toApprovalCheck(scene),
  abandon: () => undefined,
  metrics: () => NULL_ADMIN_METRICS,
  close: () => Promise.resolve(),
})

/** Rows by table from the body of a put. @throws HttpRefusal with each row that breaks the rules of its table */
function parseRows({ members }: JsonObject): RowsByTable {
  const places: Problem[] = []
  const toRows = (table: TableName): readonly AnyRow[] => {
    const list = members.find(([name]) => name === ROW_LISTS[table])?.[1]
    if (list == null || typeof list !== 'object' || !isJsonArray(list)) {
      places.push(makeProblem('member_missing', appendPointer('', ROW_LISTS[table])))
      return []
    }
    return list.flatMap((node: JsonNode, at): readonly AnyRow[] => {
      const stored = decodeRow(table, node)
      if (stored.row !== undefined) return [stored.row]
      const here = appendPointer(appendPointer('', ROW_LISTS[table]), at)
      places.push(...stored.broken.map((one) => makeProblem(one.code, here + one.pointer)))
      return []
    })
  }
  const state = Object.fromEntries(TABLE_NAMES.map((table) => [table, toRows(table)]))
  if (places[0] !== undefined) throw new HttpRefusal(places[0].code, places)
  return state as unknown as RowsByTable
}

/** A schema checks the form of a time; this checks that its date exists. @throws HttpRefusal `time_not_canonical` */
function checkTimes({ now, approvals }: HarnessScene): void {
  const times = [
    ['/now', now] as const,
    ...approvals.flatMap(({ not_before, expires_at }, at) => [
      [`/approvals/${at}/not_before`, not_before] as const,
      [`/approvals/${at}/expires_at`, expires_at] as const,
    ]),
  ]
  const wrong = times.filter(([, text]) => parseInstant(text) === undefined)
  if (wrong.length > 0)
    throw new HttpRefusal(
      'time_not_canonical',
      wrong.map(([at]) => makeProblem('time_not_canonical', at)),
    )
}
