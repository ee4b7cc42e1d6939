import { describe, expect, test } from 'vitest'
import { createCacheMac } from '../../../src/adapters/cache/mac.ts'
import {
  type CacheMessage,
  CHANNELS,
  type ChannelName,
  formatMessage,
  joinTarget,
  MESSAGE_IDS,
  parseMessage,
  readApprovalRef,
} from '../../../src/core/cache/messages.ts'
import { CHANGE_KINDS } from '../../../src/core/feed/types.ts'
import { contractSchemas, NOW, readArtefact } from '../builders.ts'
import { flipped } from '../../support/flipped.ts'

const { key, examples } = JSON.parse(readArtefact('contracts/redis_channel_examples.json')) as {
  readonly key: string
  readonly examples: readonly {
    readonly id: string
    readonly channel: string
    readonly message: Readonly<Record<string, unknown>>
  }[]
}
const notes = JSON.parse(readArtefact('contracts/cache_runtime_notes.json'))
const mac = createCacheMac(Buffer.from(key))
const schema = contractSchemas()('cache-message.schema.json')
const channelOf = (name: string): ChannelName =>
  name === CHANNELS.heartbeat ? 'heartbeat' : 'invalidate'
const frame = { epoch: { cutover: 0, operator: 0 }, seq: 7, published_at: NOW, origin: 'ff-1' }
const flagMessage: CacheMessage = { kind: 'flag', prev: 6, target: 'flag/ff.x', ...frame }

describe('the examples of the contract', () => {
  test('cover each kind and the heartbeat', () => {
    expect(examples.map(({ id }) => id)).toEqual([...Object.values(MESSAGE_IDS), 'HB-01'])
    expect(Object.keys(MESSAGE_IDS).toSorted()).toEqual(CHANGE_KINDS.toSorted())
    expect(notes.channels).toEqual(CHANNELS)
  })
  test.each(examples.map((one) => [one.id, one] as const))(
    '%s is valid, and the text that the code writes',
    (_id, { channel, message }) => {
      expect(schema(message), JSON.stringify(schema.errors)).toBe(true)
      const text = JSON.stringify(message)
      const read = parseMessage(channelOf(channel), text, mac)
      expect(read).toMatchObject({
        ok: true,
        message: { kind: message['kind'], seq: message['seq'] },
      })
      if (read.ok) expect(formatMessage(channelOf(channel), read.message, mac)).toBe(text)
    },
  )
})

describe('a message', () => {
  const text = formatMessage('invalidate', flagMessage, mac)
  const signed = (body: unknown, channel: ChannelName = 'invalidate'): string => {
    const head = JSON.stringify(body).slice(0, -1)
    return `${head},"mac":"${mac.sign(`message\n${CHANNELS[channel]}\n${head}`)}"}`
  }
  const body = { v: 1, kind: 'flag', id: 'PUB-03', ...frame, prev: 6, flag_key: 'ff.x' }

  test('is read as it was written', () => {
    expect(signed(body)).toBe(text)
    expect(parseMessage('invalidate', text, mac)).toEqual({ ok: true, message: flagMessage })
  })
  test.each([
    ['is too long', `${text}${' '.repeat(4_096)}`, 'too_long'],
    ['is no JSON', 'hello', 'unreadable'],
    ['is no object', '[1]', 'unreadable'],
    ['holds no JSON before its HMAC', `{"v":,"mac":"${'A'.repeat(43)}"}`, 'unreadable'],
    [
      'has the HMAC of another key',
      formatMessage('invalidate', flagMessage, createCacheMac(Buffer.alloc(32))),
      'forged',
    ],
    ['is of a kind that is not known', signed({ ...body, kind: 'later' }), 'kind_unknown'],
    ['is of a kind that every object has', signed({ ...body, kind: 'toString' }), 'kind_unknown'],
    ['is of a kind of the other channel', signed({ ...body, kind: 'heartbeat' }), 'kind_unknown'],
    ['has a kind that is no text', signed({ ...body, kind: 1 }), 'kind_unknown'],
    ['has another version', signed({ ...body, v: 2 }), 'form_wrong'],
    ['has the id of another kind', signed({ ...body, id: 'PUB-01' }), 'form_wrong'],
    ['has no number before it', signed({ ...body, prev: undefined }), 'form_wrong'],
    ['has a number before it that is not before', signed({ ...body, prev: 7 }), 'form_wrong'],
    ['has a number that is no integer', signed({ ...body, seq: 7.5 }), 'form_wrong'],
    ['has a time of another form', signed({ ...body, published_at: 'now' }), 'form_wrong'],
    ['has a time that is no text', signed({ ...body, published_at: 1 }), 'form_wrong'],
    ['has an epoch that is no object', signed({ ...body, epoch: 1 }), 'form_wrong'],
    ['has a null epoch', signed({ ...body, epoch: null }), 'form_wrong'],
    ['has an epoch without a count', signed({ ...body, epoch: { cutover: 1 } }), 'form_wrong'],
    ['has an origin that is no id', signed({ ...body, origin: 'a b' }), 'form_wrong'],
    ['names no flag', signed({ ...body, flag_key: 'x' }), 'form_wrong'],
    ['names no tenant', signed({ ...body, kind: 'tenant_override', id: 'PUB-01' }), 'form_wrong'],
    ['names no approval', signed({ ...body, kind: 'approval', id: 'PUB-05' }), 'form_wrong'],
  ])('that %s is dropped', (_what, given, reason) => {
    expect(parseMessage('invalidate', given, mac)).toEqual({ ok: false, reason })
  })
  test('that was sent on the other channel is dropped', () => {
    expect(parseMessage('heartbeat', text, mac)).toEqual({ ok: false, reason: 'forged' })
  })
  test('with any bit changed is dropped', () => {
    for (const [at, changed] of flipped(Buffer.from(text), 2 * text.length))
      expect(parseMessage('invalidate', changed.toString('latin1'), mac).ok, `byte ${at}`).toBe(
        false,
      )
  })
  test.each<readonly [CacheMessage['kind'], string]>([
    ['flag', 'tenant/T1/ff.x'],
    ['tenant_override', 'user/U1/ff.x'],
    ['user_override', 'import/rows'],
    ['approval', 'flag/ff.x'],
  ])('of kind %s is not written for the target %s', (kind, target) => {
    const message = { ...flagMessage, kind, target } as CacheMessage
    expect(() => formatMessage('invalidate', message, mac)).toThrow('another target')
  })
})

test('a target is made of its members, and an approval is found in it', () => {
  const target = joinTarget('approval', { approval_ref: 'APP-1-a' })
  expect([target, readApprovalRef(String(target))]).toEqual(['approval/APP-1-a', 'APP-1-a'])
  expect(joinTarget('flag', { flag_key: 7 })).toBeUndefined()
  expect(readApprovalRef('flag/ff.x')).toBeNull()
})
