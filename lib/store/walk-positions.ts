/**
 * The positions of a walk through waiting tasks, which both stores read as pages of a list.
 */
import { splitAtBlank } from '../records/split-at-blank.ts'
import type { Page, PagePosition } from './contract.ts'
import type { WalkPage } from './walk-contract.ts'

type PageOf = (limit: number, after?: PagePosition) => Promise<Page>

/** A position is `<place> <id>`. */
export async function walkWaiting (pageOf: PageOf, limit: number, position: string | null): Promise<WalkPage> {
  const { ids, places } = await pageOf(limit, position === null ? undefined : toPosition(position))
  const positions = ids.map((id, i) => `${places[i]} ${id}`)
  return { ids, positions, next: ids.length < limit ? null : positions.at(-1)! }
}

/** Anybody may have written it. */
function toPosition (position: string): PagePosition {
  const [place, id] = splitAtBlank(position)
  return { id, place: Number.isSafeInteger(Number(place)) ? Number(place) : 0 }
}
