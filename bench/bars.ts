/** Bars: the targets that a run is compared with. Most figures are a ratio, ours to a peer's. */

export interface Bar {
  name: string
  figure: number
  /** As text for people: "≥ 3 ×". */
  bar: string
  met: boolean
}

/** @param unit of figure and bar. Default: a multiple */
export const atLeast = (name: string, figure: number, bar: number, unit = '×'): Bar =>
  make(name, figure, '≥', bar, unit, figure >= bar)
export const atMost = (name: string, figure: number, bar: number, unit = '×'): Bar =>
  make(name, figure, '≤', bar, unit, figure <= bar)

function make (name: string, figure: number, sign: string, bar: number, unit: string, met: boolean): Bar {
  if (!Number.isFinite(figure)) throw new Error(`the figure of "${name}" is ${figure}`)
  return { name, figure: rounded(figure, bar), bar: `${sign} ${bar} ${unit}`, met }
}

/** Three significant digits, or more if rounding to three would move the value to the other side of its bar. */
export function rounded (value: number, bar: number): number {
  for (let digits = 3; digits < 15; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.sign(short - bar) === Math.sign(value - bar)) return short
  }
  return value
}
