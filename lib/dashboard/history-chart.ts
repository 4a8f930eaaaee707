/**
 * What happened in the last hour, minute by minute: bars, and the same as a table.
 */
import { html, type Html, type Value } from './html.ts'
import { number, table, time } from './parts.ts'
import type { HistoryPoint } from '../types.ts'

const [BAR, GAP, HEIGHT] = [8, 2, 96]

const ms = (value: number | null): string => value === null ? '–' : `${number(value)} ms`

function bar ({ succeeded, failed, time }: HistoryPoint, i: number, top: number): Html {
  const x = i * (BAR + GAP)
  const [good, bad] = [succeeded, failed].map(count => Math.ceil(count / top * HEIGHT))
  return html`<g><title>${time.slice(11, 16)}: ${number(succeeded)} succeeded, ${number(failed)} failed</title>
<rect class="all" x="${x}" y="0" width="${BAR}" height="${HEIGHT}"/>
<rect class="good" x="${x}" y="${HEIGHT - good! - bad!}" width="${BAR}" height="${good}"/>
<rect class="bad" x="${x}" y="${HEIGHT - bad!}" width="${BAR}" height="${bad}"/></g>`
}

const row = ({ time: at, enqueued, succeeded, failed, retried, wait, run }: HistoryPoint): Value[] => [
  time(at), number(enqueued), number(succeeded), number(failed), number(retried), ms(wait.p95), ms(run.p95)
]

const TITLES = ['Minute', 'Enqueued', 'Succeeded', 'Failed', 'Retried', 'Wait, p95', 'Run, p95']

/** Nothing if there is no history. */
export function historyChart (points: readonly HistoryPoint[]): Value {
  if (points.length === 0) return null
  const sum = (of: (point: HistoryPoint) => number): number => points.reduce((total, point) => total + of(point), 0)
  const [good, bad] = [sum(({ succeeded }) => succeeded), sum(({ failed }) => failed)]
  const top = Math.max(1, ...points.map(({ succeeded, failed }) => succeeded + failed)) * 1.04
  const words = `The last hour: ${number(good)} succeeded, ${number(bad)} failed`
  const busy = points.filter(({ enqueued, succeeded, failed, retried }) => enqueued + succeeded + failed + retried > 0)
  const width = points.length * (BAR + GAP)
  return html`<section aria-label="The last hour"><figure><figcaption>The last hour
<b>${number(good)} <span class="succeeded">succeeded</span> · ${number(bad)} <span class="failed">failed</span></b>
</figcaption><svg role="img" class="bars" viewBox="0 0 ${width} ${HEIGHT}" preserveAspectRatio="none">
<title>${words}</title>${points.map((point, i) => bar(point, i, top))}</svg>
<figcaption><span>${points[0]!.time.slice(11, 16)}</span><span>now (UTC)</span></figcaption></figure>
${busy.length > 0 && html`<details id="minutes"><summary>As a table</summary>
<div>${table('The last hour', TITLES, busy.toReversed().map(row))}</div></details>`}</section>`
}
