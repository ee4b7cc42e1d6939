import { expect, test } from 'vitest'
import { listUnknownVariables } from '../../src/commands/unknown-variables.ts'

test('a variable that begins as a setting and is none is named with the nearest one, without its value', () => {
  const env = {
    FF_STORE_DIR: '/srv/ff',
    FF_STOREDIR: 'hunter2',
    FF_DATABSE_URL: 'postgres://u:hunter2@db/flags',
    FF_EMPTY: '',
    FF_GONE: undefined,
    XFF_STORE_DIR: 'other',
    PATH: '/bin',
  }
  expect(listUnknownVariables(env)).toEqual([
    { name: 'FF_DATABSE_URL', meant: 'FF_DATABASE_URL' },
    { name: 'FF_STOREDIR', meant: 'FF_STORE_DIR' },
  ])
})
