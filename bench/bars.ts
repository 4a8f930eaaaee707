/** The bars that issue-readers and users are promised: a name, the figure of this run, the bar, and whether it is met. */

export interface Bar {
  name: string
  figure: number
  bar: string
  met: boolean
}

export const atLeast = (name: string, figure: number, bar: number): Bar => ({ name, figure: rounded(figure), bar: `≥ ${bar}`, met: figure >= bar })
export const atMost = (name: string, figure: number, bar: number): Bar => ({ name, figure: rounded(figure), bar: `≤ ${bar}`, met: figure <= bar })

/** Three digits that mean something. */
export const rounded = (value: number): number => Number(value.toPrecision(3))
