/** HTML whose texts are escaped. */
export interface Html {
  readonly html: string
}

/** Builds HTML from a template: escapes every text and number, and keeps `Html` as it is. */
export function markup(
  parts: TemplateStringsArray,
  ...values: readonly (Html | string | number | readonly Html[])[]
): Html {
  const written = values.map((one) => {
    if (typeof one === 'string' || typeof one === 'number') return escape(String(one))
    return 'html' in one ? one.html : one.map((inner) => inner.html).join('\n')
  })
  return { html: parts.map((part, at) => part + (written[at] ?? '')).join('') }
}

const escape = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)

/** A list of terms; leaves out a term without a text. */
export const facts = (rows: readonly (readonly [string, string | null])[]): Html =>
  markup`<dl>
${rows.flatMap(([name, text]) =>
  text === null || text === ''
    ? []
    : [
        markup`<dt>${name}</dt>
<dd>${text}</dd>`,
      ],
)}
</dl>`

/** A table of a head and rows. */
export const table = (
  head: readonly string[],
  rows: readonly (readonly (Html | string)[])[],
): Html =>
  markup`<table>
<thead>
<tr>
${head.map((name) => markup`<th scope="col">${name}</th>`)}
</tr>
</thead>
<tbody>
${rows.map(
  (row) =>
    markup`<tr>
${row.map((one) => markup`<td>${one}</td>`)}
</tr>`,
)}
</tbody>
</table>`
