/** How a report is written: `color` is for terminals, and only text looks at it. */
export interface Style {
  readonly color: boolean
}
