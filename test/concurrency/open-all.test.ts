import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { closeAfter, closeAll, openAll, withAll } from '../../src/concurrency/open-all.ts'

/** Opens and closes named resources, and records each close. */
function recorder() {
  const closed: string[] = []
  const thing = (name: string, closing: () => unknown = () => undefined) => ({
    name,
    close: async () => {
      closed.push(name)
      await closing()
    },
  })
  const open = (name: string, closing?: () => unknown) => Promise.resolve(thing(name, closing))
  return { closed, thing, open }
}
const fail = (message: string) => (): never => {
  throw new Error(message)
}

describe('openAll', () => {
  test('keeps everything open until close, which closes the last first', async () => {
    const { closed, open } = recorder()
    const { value, close } = await openAll(async (keep) => {
      const one = await keep(open('one'))
      const two = await keep(open('two'))
      return `${one.name} ${two.name}`
    })
    expect([value, closed]).toEqual(['one two', []])
    await close()
    expect(closed).toEqual(['two', 'one'])
    await close()
    expect(closed).toEqual(['two', 'one'])
  })

  test('closes open resources when a later step fails, and throws its error', async () => {
    const { closed, open } = recorder()
    const opening = openAll(async (keep) => {
      await keep(open('one'))
      await keep(open('two'))
      throw new Error('later')
    })
    await expect(opening).rejects.toThrow('later')
    expect(closed).toEqual(['two', 'one'])
  })

  test('waits for a resource that is still being opened, and closes it', async () => {
    const { closed, open } = recorder()
    const opening = openAll((keep) =>
      Promise.all([
        keep(Promise.reject(new Error('at once'))),
        keep(sleep(20).then(() => open('slow'))),
      ]),
    )
    await expect(opening).rejects.toThrow('at once')
    expect(closed).toEqual(['slow'])
  })

  test('closes a resource that work in flight opens afterwards', async () => {
    const { closed, open } = recorder()
    const opening = openAll((keep) =>
      Promise.all([Promise.reject(new Error('at once')), sleep(20).then(() => keep(open('late')))]),
    )
    await expect(opening).rejects.toThrow('at once')
    expect(closed).toEqual([])
    await vi.waitFor(() => expect(closed).toEqual(['late']))
  })

  test('reports the first error, not that of a close, and closes the rest', async () => {
    const { closed, open } = recorder()
    const opening = openAll(async (keep) => {
      await keep(open('one'))
      await keep(open('two', fail('a close')))
      throw new Error('first')
    })
    await expect(opening).rejects.toThrow('first')
    expect(closed).toEqual(['two', 'one'])
  })

  test('closes with the given function', async () => {
    const drained: string[] = []
    const server = { drain: () => void drained.push('server') }
    const { close } = await openAll((keep) => keep(Promise.resolve(server), (one) => one.drain()))
    await close()
    expect(drained).toEqual(['server'])
  })
})

describe('closeAfter', () => {
  test('closes at the end and returns the result', async () => {
    const { closed, open } = recorder()
    const made = await closeAfter(async (keep) => {
      const { name } = await keep(open('one'))
      expect(closed).toEqual([])
      return name
    })
    expect([made, closed]).toEqual(['one', ['one']])
  })

  test('throws the error of a close if nothing else failed', async () => {
    const { closed, open } = recorder()
    const done = closeAfter(async (keep) => {
      await keep(open('one'))
      await keep(open('two', fail('a close')))
    })
    await expect(done).rejects.toThrow('a close')
    expect(closed).toEqual(['two', 'one'])
  })
})

describe('withAll', () => {
  test('passes the resources in order, and closes all of them', async () => {
    const { closed, open } = recorder()
    const names = await withAll(
      [() => sleep(10).then(() => open('one')), () => open('two')],
      (one, two) => Promise.resolve([one.name, two.name]),
    )
    expect([names, closed.toSorted()]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ])
  })

  test.each([1, 2, 3, 4, 5])('closes the four others when opener %i of five fails', async (bad) => {
    const { closed, open } = recorder()
    const openers = [1, 2, 3, 4, 5].map((at) => async () => {
      await sleep(5 - at)
      return at === bad ? fail('this one')() : open(String(at))
    })
    await expect(withAll(openers, fail('must not be reached'))).rejects.toThrow('this one')
    expect(closed.toSorted()).toEqual(['1', '2', '3', '4', '5'].filter((at) => at !== String(bad)))
  })

  test('of two failures reports the first in the list, even if it fails later', async () => {
    const openers = [() => sleep(10).then(fail('first')), () => sleep(0).then(fail('second'))]
    await expect(withAll(openers, () => Promise.resolve())).rejects.toThrow('first')
  })

  test('an opener that throws at once does not keep the others open', async () => {
    const { closed, open } = recorder()
    const openers = [() => open('one'), fail('at once')]
    await expect(withAll(openers, () => Promise.resolve())).rejects.toThrow('at once')
    expect(closed).toEqual(['one'])
  })
})

describe('closeAll', () => {
  test('closes every other one when some fail, and throws the first of them', async () => {
    const { closed, open } = recorder()
    const all = [open('one', fail('first')), open('two'), open('three', fail('second'))]
    await expect(closeAll(all)).rejects.toThrow('first')
    expect(closed).toEqual(['one', 'two', 'three'])
  })

  test('skips a resource that could not be opened', async () => {
    const { closed, open } = recorder()
    await closeAll([Promise.reject(new Error('not opened')), open('two')])
    expect(closed).toEqual(['two'])
  })
})
