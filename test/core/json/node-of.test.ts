import { expect, test } from 'vitest'
import { nodeToValue, valueToNode } from '../../../src/core/json/plain.ts'
import { node } from '../builders.ts'

test.each(['null', 'true', '"é"', '1.5', '-7', '[1,[],"a"]', '{"b":{"a":null},"__proto__":{}}'])(
  '%s becomes the node that parsing it gives',
  (text) => expect(valueToNode(nodeToValue(node(text)))).toEqual(node(text)),
)
