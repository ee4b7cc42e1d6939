import { type AuthResult, isAuthRefusal } from '../../core/auth/types.ts'
import type { ApprovalAnswer, ApprovalQuery, Principal } from '../../core/evaluate/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { TokenVerifier } from '../../ports/auth.ts'
import type { EvaluationDependencies } from '../evaluation/answer-question.ts'
import { type PlantedFault, inAnswer, inDependencies, type FaultRow } from './fault.ts'

const BOTH = ['baseline', 'candidate'] as const

/** The authenticator returns a changed principal for each token that it accepts. */
const changePrincipal =
  (change: (principal: Principal) => Principal) =>
  (dependencies: EvaluationDependencies): EvaluationDependencies => {
    const { verifier } = dependencies.authenticator
    const changed: TokenVerifier['verify'] = async (token, at) => {
      const result: AuthResult = await verifier.verify(token, at)
      return isAuthRefusal(result) ? result : change(result)
    }
    return {
      ...dependencies,
      authenticator: {
        ...dependencies.authenticator,
        verifier: {
          verify: changed,
          explain: (token, at) => verifier.explain(token, at),
          signature: (token) => verifier.signature(token),
          expiry: (token) => verifier.expiry(token),
        },
      },
    }
  }
const AUTHENTICATOR_FAULTS: readonly FaultRow<
  (dependencies: EvaluationDependencies) => EvaluationDependencies
>[] = [
  [
    'unverified-as-verified',
    'an unverified token counts as verified',
    changePrincipal((principal) => ({
      ...principal,
      mode: 'verified',
      source: 'jwt',
      warnings: [],
    })),
  ],
  [
    'verified-as-unverified',
    'a verified token counts as unverified',
    changePrincipal((principal) => ({ ...principal, mode: 'decode-only' })),
  ],
  [
    'tenant-lost',
    'tid is not read',
    changePrincipal((principal) => ({ ...principal, tenant_id: null })),
  ],
  [
    'user-lost',
    'sub is not read',
    changePrincipal((principal) => ({ ...principal, user_id: null })),
  ],
  [
    'warning-lost',
    'the warning of an unverified token is lost',
    changePrincipal((principal) => ({ ...principal, warnings: [] })),
  ],
  [
    'keys-too-old',
    'every key set counts as too old',
    changePrincipal((principal) => ({ ...principal, key_set_stale: true })),
  ],
]

const changeApproval =
  (change: (answer: ApprovalAnswer, question: ApprovalQuery) => ApprovalAnswer) =>
  (dependencies: EvaluationDependencies): EvaluationDependencies => ({
    ...dependencies,
    approvals: async (question) => change(await dependencies.approvals(question), question),
  })
const changeKnownApproval = (
  change: (
    answer: Extract<ApprovalAnswer, { status: 'known' }>,
  ) => Partial<Extract<ApprovalAnswer, { status: 'known' }>>,
) =>
  changeApproval((answer) =>
    answer.status === 'known' ? { ...answer, ...change(answer) } : answer,
  )
const FOREVER = {
  status: 'known',
  revoked: false,
  not_before: '2000-01-01T00:00:00.000Z' as Instant,
  expires_at: '2100-01-01T00:00:00.000Z' as Instant,
} as const
const ADMIN: readonly FaultRow<(dependencies: EvaluationDependencies) => EvaluationDependencies>[] =
  [
    [
      'unreachable-as-allowed',
      'an unreachable Admin counts as approval',
      changeApproval((answer) => (answer.status === 'unreachable' ? FOREVER : answer)),
    ],
    [
      'unreachable-as-unknown',
      'an unreachable Admin counts as refusal',
      changeApproval((answer) =>
        answer.status === 'unreachable' ? { status: 'unknown' } : answer,
      ),
    ],
    [
      'unknown-as-allowed',
      'an unknown approval is accepted',
      changeApproval((answer) => (answer.status === 'unknown' ? FOREVER : answer)),
    ],
    [
      'known-as-unknown',
      'an approval is not found',
      changeApproval((answer) => (answer.status === 'known' ? { status: 'unknown' } : answer)),
    ],
    [
      'revoked-ignored',
      'a revoked approval holds',
      changeKnownApproval(() => ({ revoked: false })),
    ],
    [
      'start-ignored',
      'an approval holds before its start',
      changeKnownApproval(() => ({ not_before: FOREVER.not_before })),
    ],
    [
      'end-ignored',
      'an approval never ends',
      changeKnownApproval(() => ({ expires_at: FOREVER.expires_at })),
    ],
  ]

const TEXTS: readonly FaultRow<(text: string) => string>[] = [
  ['member-extra', 'an undeclared field', (text) => text.replace(/\}$/, ',"extra":null}')],
  [
    'member-twice',
    'a repeated member',
    (text) => text.replace('"warnings":', '"warnings":[],"warnings":'),
  ],
  ['member-lost', 'a field is left out', (text) => text.replace(/"matched_scope":[^,]+,/, '')],
  [
    'null-for-false',
    'an empty list becomes null',
    (text) => text.replace('"warnings":[]', '"warnings":null'),
  ],
  [
    'revision-as-text',
    'a revision arrives as a text',
    (text) => text.replace(/"flag_revision":(\d+)/, '"flag_revision":"$1"'),
  ],
  [
    'revision-scaled',
    'a revision keeps its scale',
    (text) => text.replace(/"flag_revision":(\d+)/, '"flag_revision":$1.0'),
  ],
  [
    'milliseconds-lost',
    'a time in another precision',
    (text) => text.replace(/("evaluated_at":"[^."]+)\.\d+Z/, '$1Z'),
  ],
  [
    'microseconds-gained',
    'a time in another precision',
    (text) => text.replace(/("evaluated_at":"[^"]+)Z"/, '$1001Z"'),
  ],
  [
    'request-id-folded',
    'an id in another case',
    (text) =>
      text.replace(
        /("request_id":")([^"]+)/,
        (_, name: string, id: string) => name + id.toUpperCase(),
      ),
  ],
  [
    'backing-state-copied',
    'an answer with the backing state of the other side',
    (text) =>
      text.replace(
        /("backing_state":")(db|file)/,
        (_, name: string, kind: string) => name + (kind === 'db' ? 'file' : 'db'),
      ),
    'vectors',
  ],
  [
    'value-quoted',
    'a value is put into quotes',
    (text) => text.replace(/"value":(true|false)/, '"value":"$1"'),
  ],
  ['cut-short', 'a truncated answer', (text) => text.slice(0, -1)],
]

const toFault =
  <T>(layer: string, plant: (effect: T) => PlantedFault['plant']) =>
  ([name, models, effect, proof = 'vectors']: FaultRow<T>): PlantedFault => ({
    id: `${layer}.${name}`,
    models,
    proof,
    plant: plant(effect),
  })

/**
 * Faults around a decision: of the authenticator on both sides, of Admin and of the text of the answer on the
 * candidate. The vectors (proof `vectors`) have to catch each.
 */
export const EDGE_FAULTS: readonly PlantedFault[] = [
  ...AUTHENTICATOR_FAULTS.map(toFault('door', (change) => inDependencies(BOTH, change))),
  ...ADMIN.map(toFault('admin', (change) => inDependencies(['candidate'], change))),
  ...TEXTS.map(toFault('answer', inAnswer)),
]
