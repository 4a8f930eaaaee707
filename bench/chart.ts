/** Draws bar charts as SVG, readable on light and dark backgrounds. */

export interface Panel {
  title: string
  bars: Array<{ label: string, value: number, ours?: boolean }>
}

const WIDTH = 760
const LABEL = 190
const VALUE = 80
const ROW = 22
const BAR = 14
const TITLE = 34
const GAP = 14

const style = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .other { fill: #8c959f }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .other { fill: #6e7681 }
    .ours { fill: #4493f8 }
  }`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const height = ({ bars }: Panel): number => TITLE + bars.length * ROW + GAP

/** One panel below the other. Each panel has its own scale. */
export function chart (title: string, panels: Panel[]): string {
  let y = 0
  const drawn = panels.map(panel => {
    const group = `<g transform="translate(0 ${y})">${draw(panel)}\n</g>`
    y += height(panel)
    return group
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}">
<title>${escaped(title)}</title>
<style>${style}
</style>
${drawn.join('\n')}
</svg>
`
}

function draw ({ title, bars }: Panel): string {
  const largest = Math.max(1, ...bars.map(bar => bar.value))
  const rows = bars.map(({ label, value, ours }, i) => {
    const y = TITLE + i * ROW
    const width = Math.max(1, value / largest * (WIDTH - LABEL - VALUE))
    return `
<text x="${LABEL - 10}" y="${y + BAR - 2}" text-anchor="end">${escaped(label)}</text>
<rect class="${ours ? 'ours' : 'other'}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>
<text x="${(LABEL + width + 8).toFixed(1)}" y="${y + BAR - 2}">${Math.round(value).toLocaleString('en-US')}</text>`
  })
  return `\n<text class="title" x="0" y="20">${escaped(title)}</text>${rows.join('')}`
}
