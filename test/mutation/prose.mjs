// Leaves sentences for people out: the message of an error and the value of a `hint`. Tests assert on codes and shapes,
// not on prose (CONTRIBUTING.md), so no test may notice such a change. The code of an FfError is still mutated.
const isMessage = ({ parent: { callee }, listKey, key }) =>
  listKey === 'arguments' &&
  callee.name?.endsWith('Error') === true &&
  key === (callee.name === 'FfError' ? 1 : 0)
const isHint = ({ parent, key }) => key === 'value' && parent.key.name === 'hint'
/** An object without its hint does not compile. */
const isHintAlone = ({ node: { properties } }) =>
  properties.length === 1 && properties[0].key?.name === 'hint'

const ignorer = {
  shouldIgnore(path) {
    if (path.isObjectExpression() && isHintAlone(path)) return 'A hint, which the type requires.'
    if (!path.isStringLiteral() && !path.isTemplateLiteral()) return undefined
    const isProse =
      (path.parentPath.isNewExpression() && isMessage(path)) ||
      (path.parentPath.isObjectProperty() && isHint(path))
    return isProse ? 'A sentence for people.' : undefined
  },
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'prose', value: ignorer }]
