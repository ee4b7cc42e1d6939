import { expect, test } from 'vitest'
import { nodeOf } from '../../../src/core/json/node-of.ts'
import { toPlain } from '../../../src/core/json/plain.ts'
import { node } from '../builders.ts'

test.each(['null', 'true', '"é"', '1.5', '-7', '[1,[],"a"]', '{"b":{"a":null},"__proto__":{}}'])(
  '%s as a node is what was read',
  (text) => expect(nodeOf(toPlain(node(text)))).toEqual(node(text)),
)
