/** The whole style of the HTML report. It loads no font, image or other resource. */
export const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --wait: #8a5a00; --good: #1b6e3c }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --wait: #ffc46b; --good: #7fd6a0 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem }
h1 { font-size: 1.6rem; margin: 0 0 .25rem }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; table-layout: fixed; width: 100% }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
.state { display: inline-block; font-weight: 600 }
summary .state { min-width: 8.5rem }
.bad { color: var(--bad) }
.wait { color: var(--wait) }
.good { color: var(--good) }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .2rem .8rem; margin: .6rem 0 }
dt { opacity: .75 }
dd { margin: 0; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem }
.chart { display: block; height: auto; max-width: 44rem; width: 100% }
svg text { fill: currentColor; font: 8px ui-monospace, monospace }
svg .end { text-anchor: end }
svg .mark { fill: #fff; font-size: 7px; font-weight: 700 }
.m-clean { fill: #2e8b57 }
.m-disturbed { fill: #8a5a00 }
.m-drill { fill: #3b5fa8 }
.m-idle { fill: #6b6b6b }
.m-broken { fill: #b3261e }
.m-gap { stroke: currentColor; stroke-width: .4 }
.hatch { stroke: currentColor; stroke-width: .8 }
.axis { fill: none; stroke: var(--line) }
.line-file { fill: none; stroke: var(--wait); stroke-dasharray: 4 3; stroke-linecap: round; stroke-width: 1.5 }
.line-database { fill: none; stroke: var(--good); stroke-linecap: round; stroke-width: 1.5 }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .4rem 0; padding: 0 }
.wide { overflow-x: auto }
.wide table { min-width: 42rem }
@media (max-width: 40rem) {
  body { padding: .8rem }
  dl { display: block }
  dt { margin-top: .4rem }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11px }
  tr, svg { break-inside: avoid }
  details:not(:has(.wide)) { break-inside: avoid }
  .wide { overflow: visible }
  .wide table { min-width: 0 }
  svg { print-color-adjust: exact }
  details::details-content { content-visibility: visible; display: block }
}
`
