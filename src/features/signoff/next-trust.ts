import { join } from 'node:path'
import type { Where } from '../../core/gate/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import {
  buildNextVersion,
  closeLogs,
  type LogEnds,
  type Rotation,
  type RotationFault,
  withoutEnds,
} from '../../core/signoff/rotation.ts'
import { parseTrust } from '../../core/signoff/trust.ts'
import type { TrustFile } from '../../core/signoff/types.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import {
  readFileIfPresent,
  readNamedText,
  SIGNOFF_FILES,
  TRUST_NEXT,
} from '../team-folder/signoff-files.ts'
import type { SignoffContext } from './context.ts'
import { formatTrustFile, readPublicKey, requireWholeTrust } from './trust.ts'

/** The options of `ff trust rotate` that make the next version, instead of a file. */
export interface TrustChangeOptions {
  readonly runner: readonly { readonly path: string; readonly places: readonly Where[] }[]
  readonly end: readonly string[]
  readonly revoke: readonly string[]
  readonly lost: readonly string[]
  readonly reason: string | null
  readonly until: Instant | null
}
export interface RotationRequest {
  /** The file of the next version; null to make it, or to sign the rotation that is in progress. */
  readonly path: string | null
  readonly options: TrustChangeOptions
  /** Reads where the logs end that are here. */
  readonly readEnds: () => Promise<LogEnds>
}

/**
 * The text of the next version: a file, or the present version with the changes that the options name; in both the log of
 * each runner that has ended is closed. Null to sign the rotation in progress: neither is given, or the file differs
 * from it in the ends of logs alone.
 *
 * @param pending the version of the rotation in progress; null where there is none
 * @throws FfError `option_invalid`, `artefact_invalid`, `log_not_here` and `evidence_untrusted` for a log that has to be
 *   closed and is not here, was not sealed within the hour, or is damaged
 */
export async function prepareNextTrust(
  context: SignoffContext,
  { before, pending }: { readonly before: TrustFile; readonly pending: TrustFile | null },
  { path, options, readEnds }: RotationRequest,
): Promise<string | null> {
  const asked = hasChanges(options)
  const close = async (draft: TrustFile): Promise<TrustFile> =>
    requireDone(closeLogs(draft, await readEnds(), context.now))
  if (path === null) {
    await refuseLeftOut(context, { before, pending })
    if (!asked && pending !== null) return null
    return formatTrustFile(await close(await build(context, before, options)))
  }
  if (asked)
    throw new FfError('option_invalid', 'A file and options both name the next trust file.', {
      hint: `Name ${quoteValue(path)} alone, or leave it out and let the options change the present version.`,
    })
  const text = await readNamedText(path)
  const draft = requireWholeTrust(context, text)
  const closed = await close(draft)
  if (pending !== null && toEndless(closed) === toEndless(pending)) return null
  const made = formatTrustFile(closed)
  return made === formatTrustFile(draft) ? text : made
}

/**
 * Refuses to sign another version while the file of a next one waits, such as a revocation that `ff signoff revoke` wrote:
 * its revocation would be left out, and both leads would believe that it counts. A file of an earlier version is left over.
 *
 * @throws FfError `option_invalid`
 */
async function refuseLeftOut(
  { cwd, tools }: SignoffContext,
  { before, pending }: { readonly before: TrustFile; readonly pending: TrustFile | null },
): Promise<void> {
  const text = await readFileIfPresent(join(cwd, TRUST_NEXT), TRUST_NEXT)
  const read = text === null ? null : parseTrust(text, tools)
  if (read?.ok !== true || read.value.version !== before.version + 1) return
  if (pending !== null && toEndless(pending) === toEndless(read.value)) return
  throw new FfError(
    'option_invalid',
    `${TRUST_NEXT} holds version ${read.value.version} of the trust file, and this rotation would leave it out.`,
    {
      hint: `Sign it with \`ff trust rotate ${TRUST_NEXT} --key alice.key.json\`, or delete it.`,
    },
  )
}
/** The text of a version without the ends of logs, which are filled in while it is signed. */
const toEndless = (trust: TrustFile): string => formatTrustFile(withoutEnds(trust))

const hasChanges = ({ runner, end, revoke, lost, reason, until }: TrustChangeOptions): boolean =>
  [runner, end, revoke, lost].some((list) => list.length > 0) || reason !== null || until !== null

async function build(
  context: SignoffContext,
  before: TrustFile,
  { runner, end, revoke, lost, reason, until }: TrustChangeOptions,
): Promise<TrustFile> {
  if ((reason === null) !== (revoke.length === 0))
    throw new FfError('option_invalid', '--revoke and --reason go together.', {
      hint: 'Say why, as in `--revoke ci --reason "its machine was broken into"`; --end ends a runner without a reason.',
    })
  const add = await Promise.all(
    runner.map(async ({ path, places }) => {
      const { name, kid, jwk } = await readPublicKey(context, path)
      return { name, kid, jwk, places }
    }),
  )
  const changes = { add, end, revoke, lost, reason: reason ?? '', expires: until }
  return requireDone(buildNextVersion(before, changes, context.now))
}

function requireDone(rotation: Rotation): TrustFile {
  if (rotation.ok) return rotation.trust
  throw toRotationError(rotation.fault)
}

/**
 * Makes, without throwing it, the error of a next version that cannot be made or signed: an FfError
 * `option_invalid`, `artefact_invalid`, `log_not_here` or `evidence_untrusted` by the code of the fault.
 */
export function toRotationError({ code, name, kids, sealed_at }: RotationFault): FfError {
  const { as, says, hint } = ROTATION_ERRORS[code]
  const [kid = ''] = kids
  const lost = quoteForShell(kid)
  return new FfError(
    as,
    `The runner ${quoteValue(name)} ${says.replace('TIME', sealed_at ?? '')}.`,
    {
      hint: hint.replaceAll('KID', lost),
      details: kids.map((one) => `${code}: ${one}`),
    },
  )
}

const ROTATION_ERRORS: Readonly<
  Record<
    RotationFault['code'],
    {
      readonly as: 'option_invalid' | 'artefact_invalid' | 'log_not_here' | 'evidence_untrusted'
      readonly says: string
      readonly hint: string
    }
  >
> = {
  runner_unknown: {
    as: 'option_invalid',
    says: `is not named in ${SIGNOFF_FILES.trust}, or its log is closed already`,
    hint: 'Run `ff trust show`, which lists the runners.',
  },
  runner_ambiguous: {
    as: 'option_invalid',
    says: 'is one of several with that name',
    hint: 'Name it by its key, as `ff trust show` lists it.',
  },
  runner_ended: {
    as: 'option_invalid',
    says: 'has ended, so its key cannot be named again',
    hint: 'On its machine make a new key with `rm .ff/runner.pem && ff evidence seal`, then name that one.',
  },
  log_not_here: {
    as: 'log_not_here',
    says: 'has ended, and its log is not here, so it cannot be closed at its last record',
    hint: 'Fetch it with `ff evidence import FOLDER` from where the runner keeps it; where it is gone for good, add `--lost KID`.',
  },
  log_damaged: {
    as: 'evidence_untrusted',
    says: 'has ended, and its log is damaged, so it cannot be closed at its last record',
    hint: 'Look into the damage with `ff evidence list`, then add `--lost KID`: none of its records counts then.',
  },
  log_not_sealed: {
    as: 'log_not_here',
    says: 'has ended, and its log here was sealed at TIME, so what it recorded since would be left out',
    hint: 'On its machine run `ff evidence seal`, then fetch the log with `ff evidence import FOLDER` and sign within the hour; where the machine is gone for good, add `--lost KID`: none of its records counts then.',
  },
  runner_left_out: {
    as: 'artefact_invalid',
    says: 'is left out of the next version, and its failures with it',
    hint: `Keep its entry in ${TRUST_NEXT} and set its \`until\`, or run \`ff trust rotate --end KID --key alice.key.json\`.`,
  },
  runner_reopened: {
    as: 'artefact_invalid',
    says: 'goes on in the next version, although it has ended',
    hint: 'Keep its entry as it is, and name a new key for its machine.',
  },
}
