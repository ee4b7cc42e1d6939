import { type Desk, openDesk } from '../app/signoff/desk.ts'
import { newKey, showKey } from '../app/signoff/keys.ts'
import type { PenChoice } from '../app/signoff/pen.ts'
import { requestSignoff } from '../app/signoff/request.ts'
import { addSignatures, signSignoff } from '../app/signoff/sign.ts'
import { revokeSignoff, rotateTrust } from '../app/signoff/rotate-trust.ts'
import { initTrust, pinOf, showTrust } from '../app/signoff/trust.ts'
import { verifySignoff } from '../app/signoff/verify.ts'
import { coverOf, lintWaivers, listWaivers, newWaiver, signWaiver } from '../app/signoff/waivers.ts'
import {
  fromMilliseconds,
  type Instant,
  parseInstant,
  toMilliseconds,
} from '../core/state/instant.ts'
import { FfError } from '../errors.ts'
import type { Invocation, Options } from './context.ts'
import { runReport } from './run-report.ts'
import { readSettings } from './settings.ts'

/** `ff key new` */
export const keyNew = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { options }) => {
    const path = named(options.out, '--out')
    const person = named(options.person, '--person')
    const made = await newKey(desk, path, { person, name: named(options.name, '--name') })
    return [
      `${path} holds the key ${made.kid} of ${person}.`,
      `Show its public half with: ff key show ${path}`,
    ]
  })
/** `ff key show FILE` */
export const keyShow = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { words }) => [
    JSON.stringify(await showKey(desk, words[0] ?? ''), null, 2),
  ])

const TRUST_DAYS = 180
/** `ff trust init` */
export const trustInit = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { options }) => {
    const until = fromMilliseconds(toMilliseconds(desk.now) + TRUST_DAYS * 86_400_000)
    const sha256 = await initTrust(desk, {
      signers: {
        'platform-lead': named(options.platformLead, '--platform-lead'),
        'security-lead': named(options.securityLead, '--security-lead'),
      },
      runners: options.runner ?? [],
      until: options.until === undefined ? until : timeOf(options.until),
    })
    return [
      'Put this into a protected variable, outside the repository:',
      `FF_TRUST_SHA256=${sha256}`,
    ]
  })
/** `ff trust show` */
export const trustShow = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async () => showTrust(await deskOf(invocation)))
/** `ff trust pin` */
export const trustPin = (invocation: Invocation): Promise<void> =>
  answer(invocation, (desk) => Promise.resolve([pinOf(desk)]))
/** `ff trust rotate [FILE]` */
export const trustRotate = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { words, options }) => {
    const { missing, sha256 } = await rotateTrust(desk, words[0] ?? null, penChoice(options))
    return missing === null
      ? [
          'The next version stands. The pin of the one before still leads to it; its own is:',
          `FF_TRUST_SHA256=${sha256}`,
        ]
      : [`Still to sign, with ff trust rotate: ${missing}`]
  })

/** `ff signoff request` */
export const request = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk) => {
    const { decision, sha256, accepted, of } = await requestSignoff(desk)
    return [
      `Prepared: ${decision.toUpperCase()}, with ${accepted} of ${of} items accepted; statement ${sha256}.`,
      'Both leads sign it with: ff signoff sign --key FILE',
    ]
  })
/** `ff signoff sign` */
export const sign = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { options }) => [
    `${await signSignoff(desk, penChoice(options))}.`,
  ])
/** `ff signoff add FILE` */
export const add = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { words }) => [
    `Signatures taken over: ${await addSignatures(desk, words[0] ?? '')}.`,
  ])
/** `ff signoff verify` */
export const verify = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async () => verifySignoff(await deskOf(invocation)))
/** `ff signoff revoke` */
export const revoke = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { options }) => {
    const sha256 = await revokeSignoff(desk, named(options.reason, '--reason'))
    return [
      `checklists/trust-next.json revokes the statement ${sha256}.`,
      'It holds once both roles have signed: ff trust rotate checklists/trust-next.json --key FILE',
    ]
  })

/** `ff waiver new ITEM` */
export const waiverNew = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { words, options }) => {
    const id = await newWaiver(desk, {
      item: words[0] ?? '',
      covers: coverOf(options.bound ?? [], options.code ?? null),
      reason: named(options.reason, '--reason'),
      risk: named(options.risk, '--risk'),
      compensation: named(options.compensation, '--compensation'),
      requester: named(options.requester, '--requester'),
      expires_at: timeOf(named(options.expires, '--expires')),
    })
    return [`${id} is written, and approved by nobody yet: ff waiver sign ${id} --key FILE`]
  })
/** `ff waiver sign ID` */
export const waiverSign = (invocation: Invocation): Promise<void> =>
  answer(invocation, async (desk, { words, options }) => [
    `${await signWaiver(desk, words[0] ?? '', penChoice(options))}.`,
  ])
/** `ff waiver lint` */
export const waiverLint = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async () => lintWaivers(await deskOf(invocation)))
/** `ff waiver list` */
export const waiverList = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async () => listWaivers(await deskOf(invocation)))

/** Prints the lines that the work comes to. */
async function answer(
  invocation: Invocation,
  work: (desk: Desk, invocation: Invocation) => Promise<readonly string[]>,
): Promise<void> {
  const lines = await work(await deskOf(invocation), invocation)
  await invocation.context.io.stdout(lines.map((line) => `${line}\n`).join(''))
  invocation.context.exit = 'ok'
}

async function deskOf({ context }: Invocation): Promise<Desk> {
  const { root, cwd, env, now, io, adapters } = context
  const { FF_TRUST_SHA256 } = await readSettings(env, cwd)
  return openDesk({
    root,
    cwd,
    env,
    now: fromMilliseconds(now().getTime()),
    pin: FF_TRUST_SHA256.value,
    keys: await adapters.signoffKeys(),
    terminal: await io.terminal(),
    readGate: (question) => adapters.readGate(question),
  })
}

const penChoice = ({ key, signerCmd, person }: Options): PenChoice => ({
  key: key ?? null,
  signerCommand: signerCmd ?? null,
  person: person ?? null,
})

function named(text: string | undefined, option: string): string {
  if (text !== undefined && text !== '') return text
  throw new FfError('option_invalid', `${option} was not given.`, { hint: `Add ${option}.` })
}

function timeOf(text: string): Instant {
  const time = parseInstant(text)
  if (time !== undefined) return time
  throw new FfError('option_invalid', `"${text}" is not a time.`, {
    hint: 'Write it as 2026-01-15T09:00:00.000Z.',
  })
}
