/**
 * The positions of a walk through waiting tasks, which both stores read as pages of a list.
 */
import type { Page, PagePosition } from './contract.ts'
import type { WalkPage } from './walk-contract.ts'

type PageOf = (limit: number, after?: PagePosition) => Promise<Page>

/** A position is `<place> <id>`. */
export async function walkWaiting (pageOf: PageOf, limit: number, position: string | null): Promise<WalkPage> {
  const { ids, place } = await pageOf(limit, position === null ? undefined : toPosition(position))
  const positions = ids.map((id, i) => `${place - ids.length + 1 + i} ${id}`)
  return { ids, positions, next: ids.length < limit ? null : positions.at(-1)! }
}

/** @returns what is in front of the blank, and behind it */
export function splitPosition (position: string): [head: string, id: string] {
  const end = position.indexOf(' ')
  return [position.slice(0, Math.max(0, end)), position.slice(end + 1)]
}

function toPosition (position: string): PagePosition {
  const [place, id] = splitPosition(position)
  return { id, place: Number(place) || 0 }
}
