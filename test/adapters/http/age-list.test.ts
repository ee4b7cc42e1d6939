import { expect, test } from 'vitest'
import { AgeList, type AgePlace } from '../../../src/adapters/http/age-list.ts'

function listItems<T>(list: AgeList<T>): readonly T[] {
  const found: T[] = []
  for (let place = list.oldest; place !== null; place = place.younger) found.push(place.item)
  return found
}

test.each([
  ['the oldest', [1], [2, 3]],
  ['one between', [2], [1, 3]],
  ['the youngest', [3], [1, 2]],
  ['all from the oldest on', [1, 2, 3], []],
  ['all from the youngest on', [3, 2, 1], []],
])('what is left without %s is in order of age, and takes more', (_, gone, left) => {
  const list = new AgeList<number>()
  const places = new Map([1, 2, 3].map((item) => [item, list.add(item)]))
  for (const item of gone) expect(list.remove(places.get(item) as AgePlace<number>)).toBe(true)
  list.add(4)
  expect(listItems(list)).toEqual([...left, 4])
  expect(list.size).toBe(left.length + 1)
})

test('an item that was removed is not removed again, and holds none of its neighbours', () => {
  const list = new AgeList<string>()
  const [, middle] = [list.add('old'), list.add('middle'), list.add('young')]
  expect([list.remove(middle), list.remove(middle)]).toEqual([true, false])
  expect(middle).toEqual({ item: 'middle', older: null, younger: null, held: false })
  expect(listItems(list)).toEqual(['old', 'young'])
})
