/**
 * The picture of a flow: columns from left to right, in each what may run at the same time. Members that are alike
 * (one task, waiting for the same, and waited for by the same) share a box if they are many. The table of members is
 * below the picture: that is what a screen reader reads.
 */
import { html, type Html, type Value } from './html.ts'
import { number, taskPath } from './parts.ts'
import type { DrawnMember } from '../boot/app-registry.ts'
import type { PageContext } from './context.ts'

/** More are not drawn one by one. */
const MOST_ALIKE = 6
const [BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, PAD] = [168, 46, 64, 14, 8]
const LETTERS = 20

interface Box {
  title: string
  detail: string
  /** The worst state of its members. */
  state: string
  path: string | null
  before: string[]
  after: string[]
  column: number
  x: number
  y: number
}

/** The first of these that a member has is shown for all. */
const WORST = ['failed', 'removed', 'cancelled', 'expired', 'skipped', 'active', 'waiting', 'succeeded']

const cut = (text: string): string => text.length > LETTERS ? `${text.slice(0, LETTERS - 1)}…` : text

/** "8 succeeded, 1 failed". */
function inWords (members: DrawnMember[]): string {
  const states = WORST.map(state => [members.filter(member => member.state === state).length, state] as const)
  return states.filter(([count]) => count > 0).map(([count, state]) => `${number(count)} ${state}`).join(', ')
}

function toBoxes (context: PageContext, members: DrawnMember[]): Box[] {
  const alike = new Map<string, DrawnMember[]>()
  for (const member of members) {
    const kind = JSON.stringify([member.task, member.before, member.after])
    alike.set(kind, [...alike.get(kind) ?? [], member])
  }
  return [...alike.values()].flatMap(group => group.length > MOST_ALIKE
    ? [toBox(group, `${group[0]!.task} × ${number(group.length)}`, null)]
    : group.map(one => toBox([one], titleOf(one), taskPath(context, one.id, one.queue))))
}

/** A key that is only a place in the shape says nothing. */
const titleOf = ({ key, task }: DrawnMember): string => /^[\d.]+$/.test(key) ? task : key

function toBox (group: DrawnMember[], title: string, path: string | null): Box {
  const { task, key, before, after } = group[0]!
  const state = WORST.find(state => group.some(member => member.state === state)) ?? group[0]!.state
  const detail = group.length > 1 ? inWords(group) : `${title === task ? key : task}: ${state}`
  return { title, detail, state, path, before, after, column: 0, x: 0, y: 0 }
}

/** One column behind the last box that it waits for. A graph has no circles; a wrong one must not hang the page. */
function setColumns (boxes: Box[]): void {
  for (let round = 0, isChanged = true; isChanged && round < boxes.length; round++) {
    isChanged = false
    const ends = new Map<string, number>()
    for (const { before, column } of boxes) {
      for (const join of before) ends.set(join, Math.max(ends.get(join) ?? 0, column + 1))
    }
    for (const box of boxes) {
      const column = Math.max(0, ...box.after.map(join => ends.get(join) ?? 0))
      if (column !== box.column) isChanged = true
      box.column = column
    }
  }
}

/** Returns width and height. */
function place (boxes: Box[]): [width: number, height: number] {
  const rows: number[] = []
  for (const box of boxes) {
    const row = rows[box.column] ?? 0
    rows[box.column] = row + 1
    box.x = PAD + box.column * (BOX_WIDTH + GAP_X)
    box.y = row
  }
  const most = Math.max(...rows)
  for (const box of boxes) {
    const free = (most - rows[box.column]!) / 2
    box.y = PAD + (box.y + free) * (BOX_HEIGHT + GAP_Y)
  }
  return [rows.length * (BOX_WIDTH + GAP_X) - GAP_X + 2 * PAD, most * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * PAD]
}

const curve = (x1: number, y1: number, x2: number, y2: number): string =>
  `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`

/** Lines meet at their join: as many as there are boxes at it, not one for each pair. */
function lines (boxes: Box[]): Html {
  const joins = new Map<string, { sources: Box[], targets: Box[] }>()
  const at = (join: string): { sources: Box[], targets: Box[] } => {
    const found = joins.get(join) ?? { sources: [], targets: [] }
    joins.set(join, found)
    return found
  }
  for (const box of boxes) {
    for (const join of box.before) at(join).sources.push(box)
    for (const join of box.after) at(join).targets.push(box)
  }
  const paths = [...joins.values()].flatMap(({ sources, targets }) => {
    if (sources.length === 0 || targets.length === 0) return []
    const x = Math.min(...targets.map(target => target.x)) - GAP_X / 2
    const all = [...sources, ...targets]
    const y = all.reduce((sum, box) => sum + box.y, 0) / all.length + BOX_HEIGHT / 2
    return [
      ...sources.map(box => curve(box.x + BOX_WIDTH, box.y + BOX_HEIGHT / 2, x, y)),
      ...targets.map(box => curve(x, y, box.x, box.y + BOX_HEIGHT / 2))
    ]
  })
  return html`<path class="lines" d="${paths.join('')}"/>`
}

function drawn ({ title, detail, state, path, x, y }: Box): Value {
  const box = html`<g class="box ${state}"><title>${title}: ${detail}</title>
<rect x="${x}" y="${y}" width="${BOX_WIDTH}" height="${BOX_HEIGHT}" rx="9"/>
<rect class="mark" x="${x}" y="${y + 8}" width="4" height="${BOX_HEIGHT - 16}" rx="2"/>
<text x="${x + 14}" y="${y + 20}">${cut(title)}</text>
<text class="detail" x="${x + 14}" y="${y + 36}">${cut(detail)}</text></g>`
  return path === null ? box : html`<a href="${path}" tabindex="-1">${box}</a>`
}

export function flowPicture (context: PageContext, members: DrawnMember[]): Value {
  if (members.length < 2) return null
  const boxes = toBoxes(context, members)
  setColumns(boxes)
  const [width, height] = place(boxes)
  const steps = Math.max(...boxes.map(({ column }) => column)) + 1
  const words = `${number(members.length)} members in ${number(steps)} steps: ${inWords(members)}`
  return html`<figure><figcaption>${words}</figcaption><div class="drawn" tabindex="0" role="region"
 aria-label="Picture of the flow"><svg role="group" aria-labelledby="flow-title" width="${width}" height="${height}"
 viewBox="0 0 ${width} ${height}"><title id="flow-title">${words}</title>${lines(boxes)}${boxes.map(drawn)}</svg></div>
</figure>`
}
