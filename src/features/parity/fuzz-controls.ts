import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { FieldRule } from '../../core/parity/field-rules.ts'
import { type Scene, SCENE_TIME, TEST_TENANT, TEST_USER } from '../../core/parity/scene.ts'
import { type CheckResult, passResult } from '../../core/report/check-report.ts'
import type { FlagReader, OpenScratchStore } from '../../ports/store.ts'
import type { EvaluateQuestion } from '../evaluation/answer-question.ts'
import { type FuzzContext, type FuzzMiss, ScenePlayer } from './fuzz-player.ts'

/** A scene that holds a write, a decision by an override, and so a twin of both. */
const SCENE: Scene = {
  given: {
    state: {
      flag_registry: [
        {
          flag_key: 'ff.control',
          value_type: 'string',
          default_value: '"default"' as CanonicalJson,
          safe_value: '"safe"' as CanonicalJson,
          sensitive: false,
          required_auth: 'none',
          state: 'active',
          description: '',
          owner: 'fuzz',
          revision: 1,
          created_at: SCENE_TIME,
          updated_at: SCENE_TIME,
        },
      ],
      tenant_override: [],
      user_override: [],
    },
    approvals: [],
    admin: 'reachable',
  },
  steps: [
    {
      write: {
        table: 'tenant_override',
        key: { scope_id: TEST_TENANT, flag_key: 'ff.control' },
        action: 'put',
        body: '{"value":"tenant"}',
        expected: null,
        approval: null,
      },
    },
    {
      ask: {
        caller: 'verified',
        flag_key: 'ff.control',
        tenant_id: TEST_TENANT,
        user_id: TEST_USER,
        approval_ref: null,
      },
    },
  ],
}

/** A fault of the candidate, and the kind of the divergence that has to show it. */
interface PlantedScene {
  readonly id: 'decisions' | 'writes' | 'metamorphic'
  readonly models: string
  readonly kind: FuzzMiss['kind']
  readonly plant: (context: FuzzContext) => FuzzContext
}
const PLANTED: readonly PlantedScene[] = [
  {
    id: 'decisions',
    models: 'a candidate that ignores overrides of tenants',
    kind: 'divergence',
    plant: inAnswers((store) => async (query) => ({ ...(await store.read(query)), tenant: null })),
  },
  {
    id: 'writes',
    models: 'a candidate that counts a revision twice',
    kind: 'write_differs',
    plant: inWrites(async (write) => {
      const done = await write()
      return done.ok ? { ...done, row: { ...done.row, revision: done.row.revision + 1 } } : done
    }),
  },
  {
    id: 'metamorphic',
    models: 'a candidate that takes the override of a tenant in another case',
    kind: 'metamorphic',
    plant: inAnswers((store) => async (query) => {
      const rows = await store.read(query)
      const { tenant_id } = query
      if (tenant_id === null) return rows
      const near = await store.read({ ...query, tenant_id: tenant_id.toLowerCase() })
      const row = near.tenant?.row
      return row === undefined ? rows : { ...rows, tenant: { row: { ...row, tenant_id } } }
    }),
  },
]

/**
 * Plants one fault for each proof of a fuzz run into the candidate, and plays a fixed scene. Returns a control for
 * each: `pass`, or inconclusive with `fault_unseen` where the fault is not seen as its proof sees it. Replaces all
 * rows of both sides.
 *
 * @throws FfError `backing_unavailable` if a side gives no answer; also errors of a store
 */
export async function checkPlantedScenes(
  context: FuzzContext,
  rules: readonly FieldRule[],
): Promise<readonly CheckResult[]> {
  const controls: CheckResult[] = []
  for (const { id, models, kind, plant } of PLANTED) {
    const miss = await new ScenePlayer(plant(context), rules).play(SCENE)
    const item = passResult(`control.${id}`, `sees ${models}`)
    const detail = `found ${miss?.kind ?? 'nothing'} instead of ${kind}`
    const findings = [{ code: 'fault_unseen', pointer: null, detail }]
    controls.push(miss?.kind === kind ? item : { ...item, state: 'inconclusive', findings })
  }
  return controls
}

/** A fault in the rows from which the candidate decides; what it stores stays. */
function inAnswers(read: (store: FlagReader) => FlagReader['read']): PlantedScene['plant'] {
  return ({ dependencies, ...context }) => {
    const candidate: EvaluateQuestion = (target, question) => {
      const { store } = target
      const faulty: FlagReader = { kind: store.kind, read: read(store) }
      return dependencies.ask.candidate({ ...target, store: faulty }, question)
    }
    return {
      ...context,
      dependencies: { ...dependencies, ask: { ...dependencies.ask, candidate } },
    }
  }
}

type WriteResultOf = ReturnType<OpenScratchStore['store']['write']>
/** A fault in what the candidate says about a write. */
function inWrites(change: (write: () => WriteResultOf) => WriteResultOf): PlantedScene['plant'] {
  return ({ sides, ...context }) => {
    const { candidate } = sides
    const { store } = candidate
    const faulty: OpenScratchStore['store'] = {
      kind: store.kind,
      read: (query) => store.read(query),
      write: (request) => change(() => store.write(request)),
      load: (state) => store.load(state),
      auditHead: () => store.auditHead(),
      close: () => store.close(),
    }
    return {
      ...context,
      sides: {
        ...sides,
        candidate: { facts: candidate.facts, store: faulty, close: () => candidate.close() },
      },
    }
  }
}
