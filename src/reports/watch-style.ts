/** The whole style of the live page. It loads no font, image or other resource. */
export const WATCH_STYLE = `
:root { color-scheme: light dark; --line: #8886; --card: #8881; --bad: #b3261e; --wait: #8a5a00; --good: #1b6e3c; --idle: #767676 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --wait: #ffc46b; --good: #7fd6a0; --idle: #9a9a9a } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 3rem }
header { align-items: baseline; display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between }
h1 { font-size: 1.4rem; margin: 0 }
h2 { display: inline; font-size: 1.05rem; margin: 0 }
main { align-items: start; display: grid; gap: .8rem; grid-template-columns: 1fr 1fr }
details { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; min-width: 0; padding: .5rem .9rem .7rem }
#next { grid-column: 1 / -1 }
#next dd { font-size: 1.05rem }
summary { cursor: pointer }
summary:focus-visible { outline: 3px solid currentColor; outline-offset: 3px }
.age { color: var(--idle); margin-left: .5rem }
code { background: var(--card); border: 1px solid var(--line); border-radius: .25rem; font: .95em ui-monospace, monospace; overflow-wrap: anywhere; padding: .1rem .35rem; user-select: all }
dl { display: grid; gap: .15rem .8rem; grid-template-columns: minmax(7rem, 11rem) 1fr; margin: .5rem 0 0 }
dt { color: var(--idle); overflow-wrap: anywhere }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
.mark { display: inline-block; font-weight: 700; width: 1.1em }
.bad { color: var(--bad) }
.wait { color: var(--wait) }
.good { color: var(--good) }
.bad { font-weight: 600 }
.hours { display: grid; gap: 2px; grid-template-columns: repeat(24, 1fr); list-style: none; margin: .6rem 0 0; padding: 0 }
.hours li { border: 1px solid var(--line); border-radius: 2px; height: 1.1rem; line-height: 1; font: 700 .7rem/1 ui-monospace, monospace; display: grid; place-items: center }
.hours .clean { background: var(--good); color: Canvas }
.hours .broken { background: var(--bad); color: Canvas }
details[data-state=stale], details[data-state=absent] { border: 2px dashed var(--wait) }
[data-state=stale] .rows, .lost main { opacity: .55 }
[data-state=stale] .age { color: var(--wait); font-weight: 700 }
#lost { background: var(--bad); border-radius: .4rem; color: Canvas; font-weight: 700; margin: .6rem 0; padding: .5rem .9rem }
#lost[hidden] { display: none }
.unseen { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: nowrap; width: 1px }
@media (max-width: 60rem) { main { grid-template-columns: minmax(0, 1fr) } }
@media (max-width: 34rem) {
  body { padding: .7rem .6rem 2rem }
  details { padding: .4rem .6rem .6rem }
  dl { display: block }
  dt { font-size: .85rem; margin-top: .35rem }
  .hours { grid-template-columns: repeat(12, 1fr) }
}
@media (prefers-reduced-motion: no-preference) { .rows { transition: opacity .3s } }
`
