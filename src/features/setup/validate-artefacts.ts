import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ARTEFACTS,
  type ArtefactKind,
  KINDS,
  type LoadedArtefact,
  loadArtefact,
  type LoadResult,
  packagedArtefact,
  type ArtefactPlace,
} from '../../artefacts/load.ts'
import { loadMigrations, MIGRATIONS_FOLDER } from '../../artefacts/migrations.ts'
import type { ArtefactProblem } from '../../artefacts/problem.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import { findAlertProblems } from '../../artefacts/rules/alert-rules.ts'
import { findCellProblems } from '../../artefacts/rules/cell-rules.ts'
import { findContractProblems, findGateMatrixProblems } from '../../artefacts/rules/parity-rules.ts'
import { findAuthProblems } from '../../artefacts/rules/auth-rules.ts'
import {
  findChecklistProblems,
  findGateContractProblems,
  findLoosenedProblems,
  findPlanProblems,
  findTriggerProblems,
  findWaiverProblems,
} from '../../artefacts/rules/gate-rules.ts'
import { findMappingProblems } from '../../artefacts/rules/mapping-rules.ts'
import { findPersistenceProblems } from '../../artefacts/rules/persistence-rules.ts'
import { buildVectors } from '../../artefacts/vectors.ts'
import { isJsonObject, parseLosslessJson } from '../../core/json/read.ts'
import { quoteForShell } from '../../core/text/quote.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'

type AnyLoaded = { readonly [K in ArtefactKind]?: LoadedArtefact<K> }

/**
 * `ff artefacts validate`: checks the named files, or for an empty list the artefacts of the package, by their
 * schemas and rules. Returns an item for each file with all its problems, unreadable files included; exit `usage`
 * where one has a problem, since nothing may be measured with a bad artefact.
 *
 * @throws the system's error where the schema folder of the package cannot be read
 */
export async function validateArtefacts(
  root: string,
  files: readonly string[],
): Promise<CheckReport> {
  const items = files.length === 0 ? await validatePackage(root) : await validateFiles(root, files)
  const broken = items.some(({ state }) => state !== 'pass')
  return buildCheckReport('artefacts', items, { exits: broken ? ['usage'] : [] })
}

async function validatePackage(root: string): Promise<readonly CheckResult[]> {
  const migrations = await loadMigrations(root)
  const results = await Promise.all(
    KINDS.map(async (kind) => ({
      kind,
      result: await loadArtefact(kind, packagedArtefact(root, kind)),
    })),
  )
  const whole = Object.fromEntries(
    results.flatMap(({ kind, result }) => (result.ok ? [[kind, result.loaded]] : [])),
  ) as AnyLoaded
  const problems: readonly ArtefactProblem[] = [
    ...results.flatMap(({ result }) => (result.ok ? [] : result.problems)),
    ...(migrations.ok ? [] : migrations.problems),
    ...ruleProblems(whole, whole.cutover_readiness_checklist),
    ...(whole.persistence_schema !== undefined && migrations.ok
      ? findPersistenceProblems(whole.persistence_schema, migrations.loaded)
      : []),
  ]
  const schemaFiles = (await readdir(join(root, 'contracts/schemas'))).filter((name) =>
    name.endsWith('.schema.json'),
  )
  return [
    ...KINDS.map((kind) => toItem(ARTEFACTS[kind].file, problems)),
    ...(migrations.ok
      ? migrations.loaded.map(({ name }) => toItem(`${MIGRATIONS_FOLDER}/${name}.sql`, problems))
      : toStrayItems(problems)),
    passResult('contracts/schemas', `${schemaFiles.length} schemas`),
  ]
}

/** The checklist of the package, which a team's may not loosen; undefined where it did not load. */
type Floor = AnyLoaded['cutover_readiness_checklist']

/** Problems that a schema cannot express. A rule is skipped where an artefact that it needs did not load. */
function ruleProblems(whole: AnyLoaded, floor: Floor): readonly ArtefactProblem[] {
  const {
    parity_test_matrix: matrix,
    cutover_parity_matrix: contract,
    jwks_integration_notes: auth,
    jwt_fixtures: fixtures,
    oracle_cells: oracle,
    incumbent_mapping: mapping,
    alert_rules: alerts,
  } = whole
  return [
    ...(contract === undefined ? [] : findContractProblems(contract)),
    ...(auth === undefined || fixtures === undefined ? [] : findAuthProblems(auth, fixtures)),
    ...(matrix === undefined || contract === undefined
      ? []
      : findGateMatrixProblems(matrix, contract)),
    ...(matrix === undefined || fixtures === undefined
      ? []
      : buildVectors(matrix, fixtures.value.fixtures).problems),
    ...(alerts === undefined ? [] : findAlertProblems(alerts)),
    ...(oracle === undefined || contract === undefined ? [] : findCellProblems(oracle, contract)),
    ...(mapping === undefined ? [] : findMappingProblems(mapping)),
    ...gateProblems(whole, floor),
  ]
}

/** Problems of the gate contract, the checklist, the plan, the rollback triggers and the waivers. */
function gateProblems(whole: AnyLoaded, floor: Floor): readonly ArtefactProblem[] {
  const {
    readiness_gate: gate,
    cutover_readiness_checklist: checklist,
    cutover_plan: plan,
    rollback_triggers: triggers,
    waivers,
  } = whole
  return [
    ...(gate === undefined ? [] : findGateContractProblems(gate)),
    ...(plan === undefined ? [] : findPlanProblems(plan)),
    ...(triggers === undefined ? [] : findTriggerProblems(triggers)),
    ...(gate === undefined || checklist === undefined || floor === undefined
      ? []
      : [
          ...findChecklistProblems(checklist, gate, floor),
          ...findLoosenedProblems(checklist, gate, floor),
        ]),
    ...(gate === undefined || checklist === undefined || waivers === undefined
      ? []
      : findWaiverProblems(waivers, checklist, gate)),
  ]
}

async function validateFiles(
  root: string,
  files: readonly string[],
): Promise<readonly CheckResult[]> {
  const loadOwn: LoadOwn = (kind) => loadArtefact(kind, packagedArtefact(root, kind))
  const problems = await Promise.all(
    files.map((path) => fileProblems({ path, shown: path }, loadOwn)),
  )
  return files.map((path, at) => toItem(path, problems[at] ?? []))
}

type LoadOwn = <K extends ArtefactKind>(kind: K) => Promise<LoadResult<LoadedArtefact<K>>>

/** Problems of one named file; a rule over two artefacts takes the other one from the package. */
async function fileProblems(
  place: ArtefactPlace,
  loadOwn: LoadOwn,
): Promise<readonly ArtefactProblem[]> {
  const kind = await readKind(place)
  if (typeof kind !== 'string') return [kind]
  const result = await loadArtefact(kind, place)
  if (!result.ok) return result.problems
  // Only the matrix of the gate has to cover the contract; all other rules of vectors apply.
  if (kind === 'parity_test_matrix') {
    const fixtures = await loadOwn('jwt_fixtures')
    const known = fixtures.ok ? fixtures.loaded.value.fixtures : []
    return buildVectors(result.loaded as LoadedArtefact<'parity_test_matrix'>, known).problems
  }
  const needed = await Promise.all(
    NEEDED_ARTEFACTS[kind]?.map(async (one) => {
      const loaded = await loadOwn(one)
      return loaded.ok ? { [one]: loaded.loaded } : {}
    }) ?? [],
  )
  const floor = await loadOwn('cutover_readiness_checklist')
  const problems = ruleProblems(
    Object.assign({}, ...needed, { [kind]: result.loaded }) as AnyLoaded,
    floor.ok ? floor.loaded : undefined,
  )
  return problems.filter(({ file }) => file === place.shown)
}

/** The artefacts of the package that the rules of a named file need. */
const NEEDED_ARTEFACTS: Readonly<Partial<Record<ArtefactKind, readonly ArtefactKind[]>>> = {
  cutover_readiness_checklist: ['readiness_gate'],
  waivers: ['readiness_gate', 'cutover_readiness_checklist'],
}

/** The artefact kind, from the member `kind` of the file; a problem where it is unknown or the file is not JSON. */
async function readKind({ path, shown }: ArtefactPlace): Promise<ArtefactKind | ArtefactProblem> {
  const read = await readTextFile(path, shown)
  if (!read.ok) return read.problem
  const json = parseLosslessJson(read.text)
  if (!json.ok)
    return {
      file: shown,
      pointer: '',
      code: json.code,
      detail: `line ${json.line}, column ${json.column}`,
    }
  const { node } = json
  const named =
    node !== null && typeof node === 'object' && isJsonObject(node)
      ? node.members.find(([name]) => name === 'kind')?.[1]
      : undefined
  const kind = KINDS.find((one) => one === named)
  return (
    kind ?? {
      file: shown,
      pointer: '/kind',
      code: 'kind_unknown',
      detail: `one of ${KINDS.join(', ')}`,
    }
  )
}

function toItem(file: string, problems: readonly ArtefactProblem[]): CheckResult {
  const own = problems.filter((one) => one.file === file)
  if (own.length === 0) return passResult(file, 'valid by its schema and rules')
  const title = `${own.length} problem${own.length === 1 ? '' : 's'}`
  return {
    id: file,
    title,
    state: 'fail',
    findings: own.map(({ code, pointer, detail }) => ({ code, pointer, detail })),
    next: own.some(({ code }) => code === 'checklist_loosened')
      ? `ff checklist diff --take --checklist ${quoteForShell(file)}`
      : null,
  }
}

/** Without loaded migrations, each migration file that has a problem is an item. */
const toStrayItems = (problems: readonly ArtefactProblem[]): readonly CheckResult[] =>
  [...new Set(problems.map(({ file }) => file))]
    .filter((file) => file.startsWith(MIGRATIONS_FOLDER))
    .map((file) => toItem(file, problems))
