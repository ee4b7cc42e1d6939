/**
 * The whole script of the live page: it takes what changed from the stream of events. Where the stream ends, or is silent
 * for 8 seconds, the page says that all of it is old. Parts of it arrive as HTML whose texts are escaped.
 */
export const WATCH_SCRIPT = `
const SILENT_MS = 8000
const lost = document.getElementById('lost')
const summary = document.getElementById('summary')
let heard = performance.now()
const setText = (element, text) => { if (element.textContent !== text) element.textContent = text }
const show = () => {
  const isLost = performance.now() - heard > SILENT_MS
  document.body.classList.toggle('lost', isLost)
  lost.hidden = !isLost
}
const source = new EventSource('events')
source.addEventListener('view', ({ data }) => {
  const { title, at, said, sections, ages } = JSON.parse(data)
  heard = performance.now()
  document.title = title
  setText(document.getElementById('at'), at)
  setText(summary, said)
  for (const [id, html] of Object.entries(sections))
    document.querySelector('#' + id + ' .rows').innerHTML = html
  for (const [id, { state, age }] of Object.entries(ages)) {
    const part = document.getElementById(id)
    part.dataset.state = state
    setText(part.querySelector('.age'), age)
  }
  show()
})
source.addEventListener('error', () => { heard = -Infinity; show() })
setInterval(show, 1000)
`
