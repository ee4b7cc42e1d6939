import { loadAuth } from '../features/tokens/jwks-check.ts'
import { checkAuth, checkEnvironment } from '../features/tokens/auth-settings.ts'
import { isTokenLine, TokenLines } from '../features/tokens/token-lines.ts'
import { mintToken } from '../features/tokens/token-mint.ts'
import {
  judgeToken,
  buildTokenReport,
  type VerifyOptions,
} from '../features/tokens/token-verify.ts'
import type { AuthSettings } from '../core/auth/contract.ts'
import { type ExitName, decideExit } from '../core/exit.ts'
import { type Instant, instantFromMs } from '../core/rows/instant.ts'
import { FfError } from '../errors.ts'
import type { OpenAuthenticator } from '../ports/auth.ts'
import type { Context, Invocation } from './context.ts'
import type { TOKEN_MINT, TOKEN_VERIFY } from './declarations/options.ts'
import { type InputLine, readInputLines } from './input.ts'
import type { Report } from '../core/report/types.ts'
import { toEndedError, runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/** Room for a key set of 1 MiB and a token in one line. */
const MAX_LINE_BYTES = 4_194_304

interface TokenContext {
  readonly authenticator: OpenAuthenticator
  readonly settings: AuthSettings
  readonly options: VerifyOptions
}

/**
 * `ff token verify`: reads stdin and prints a report on its one token, or, where the first line is a JSON object, an
 * answer for each line as JSON, and sets its exit, of lines the worst one. Fetches the keys of FF_JWKS_URL where that
 * is set.
 * @throws FfError `nothing_to_check` for empty input, `option_invalid` for `--format` or `--output` with JSON lines,
 * `setting_invalid`, `secret_in_option` for FF_JWKS_URL, `artefact_invalid`, and the errors of `runReportCommand`,
 * such as `output_failed` and the codes of a signal or time limit
 */
export const runTokenVerify = (invocation: Invocation<typeof TOKEN_VERIFY>): Promise<void> =>
  runReportCommand(invocation, (signal) =>
    withTokenContext(invocation, async (input) => {
      // A signal during the set-up came before the listener below exists.
      if (signal.aborted) throw toEndedError(signal)
      const stdin = invocation.context.io.stdin()
      const end = (): void => void stdin.destroy()
      signal.addEventListener('abort', end)
      const lines = readInputLines(stdin, MAX_LINE_BYTES)
      try {
        return await judgeAll(invocation, input, lines)
      } catch (error) {
        if (signal.aborted) throw toEndedError(signal, error)
        throw error
      } finally {
        end() // The answer is out: stop reading, so that a waiting writer is released.
      }
    }),
  )

async function judgeAll(
  invocation: Invocation<typeof TOKEN_VERIFY>,
  input: TokenContext,
  lines: AsyncGenerator<InputLine>,
): Promise<Report | ExitName> {
  const first = await readFirst(lines)
  if (first.whole && isTokenLine(first.text)) return judgeLines(invocation, input, { first, lines })
  // A first line over the limit is no token, so the rest is not read.
  const next = first.whole ? await lines.next() : { done: true }
  // More lines follow, so append a line feed, which no token may hold: the verifier reports it as malformed.
  const token = next.done === true ? first.text : `${first.text}\n`
  const { authenticator, settings, options } = input
  return buildTokenReport(await judgeToken(authenticator, token, options), options, settings)
}

async function readFirst(lines: AsyncGenerator<InputLine>): Promise<InputLine> {
  const { value, done } = await lines.next()
  if (done !== true) return value
  throw new FfError(
    'nothing_to_check',
    'Standard input is empty, so there is no token to verify.',
    {
      hint: 'Redirect a file with a token: `ff token verify < token.txt`.',
    },
  )
}

async function judgeLines(
  { context, options: given }: Invocation<typeof TOKEN_VERIFY>,
  { authenticator, settings, options }: TokenContext,
  { first, lines: rest }: { readonly first: InputLine; readonly lines: AsyncIterable<InputLine> },
): Promise<ExitName> {
  if (given.format !== null || given.output.length > 0)
    throw new FfError('option_invalid', 'Lines of JSON do not go with --format and --output.', {
      hint: 'Leave out --format and --output, or give one token.',
    })
  const lines = new TokenLines(authenticator, settings, { adapters: context.adapters, options })
  let worst: ExitName = 'ok'
  const put = async ({ text, whole }: InputLine): Promise<void> => {
    if (whole && text.trim() === '') return
    // A cut line must not be judged as if it were whole.
    const { answer, exit } = await lines.answer(whole ? text : '')
    worst = decideExit(worst, exit)
    await context.io.stdout(`${JSON.stringify(answer)}\n`)
  }
  await put(first)
  for await (const line of rest) await put(line)
  return worst
}

/** Opens the authenticator of `ff token verify` and closes it after `use`. */
async function withTokenContext<T>(
  { context, options }: Invocation<typeof TOKEN_VERIFY>,
  use: (input: TokenContext) => Promise<T>,
): Promise<T> {
  const { env, cwd, root, adapters } = context
  const { notes } = await loadAuth(root)
  const { values } = await loadSettings(env, cwd)
  const { signatureOnly, explain, now: fixed } = options
  const environment = checkEnvironment(values)
  // --signature-only stops before the claims, so the issuer is not compared.
  const settings = checkAuth(notes, values, signatureOnly ? '' : null)
  const { FF_JWKS_URL: url } = values
  const now = (): Instant => fixed ?? getNow(context)
  const authenticator = await adapters.openAuthenticator(url === null ? null : { url }, settings)
  try {
    return await use({
      authenticator,
      settings,
      options: { now, environment, signatureOnly, explain },
    })
  } finally {
    await authenticator.close()
  }
}

const getNow = ({ now }: Context): Instant => instantFromMs(now().getTime())

/**
 * `ff token mint --dev`: prints a token, valid for one hour, with the settings that accept it, and serves its key on
 * loopback until SIGTERM (`ok`) or Ctrl-C (`interrupted`).
 * @throws FfError `option_invalid` without `--dev` and for a bad user or tenant id, `setting_invalid` unless FF_ENV is
 * dev, `artefact_invalid`, and the errors of the key server
 */
export async function runTokenMint({
  context,
  options,
}: Invocation<typeof TOKEN_MINT>): Promise<void> {
  const { env, cwd, root, adapters, io } = context
  if (!options.dev)
    throw new FfError(
      'option_invalid',
      'ff token mint makes development tokens only, so --dev is required.',
      {
        hint: 'Run `FF_ENV=dev ff token mint --dev`.',
      },
    )
  const { values: settings } = await loadSettings(env, cwd)
  const { user, tenant, scopes } = options
  const minted = await mintToken({
    root,
    settings,
    adapters,
    user,
    tenant,
    scopes,
    now: getNow(context),
  })
  const ended = new Promise<ExitName>((resolve) => {
    context.onSignal((name) => resolve(name === 'terminated' ? 'ok' : name))
  })
  try {
    await io.stdout(minted.lines.map((line) => `${line}\n`).join(''))
    io.stderr('Serving its key until Ctrl-C; after that a verifier refuses the token.\n')
    context.exit = await ended
  } finally {
    await minted.close()
  }
}
