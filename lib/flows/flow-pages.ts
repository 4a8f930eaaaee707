/**
 * Reads what a flow has page by page.
 */
import { memberId, placeOfNode } from '../store/flow-node.ts'

/** Calls `use` with each page. False if a page cannot be read: the process closes. */
export async function eachPage<Page extends { cursor: string }> (
  read: (cursor: string) => Promise<Page | undefined>, use: (page: Page) => Promise<unknown> | void
): Promise<boolean> {
  let cursor = '0'
  do {
    const page = await read(cursor)
    if (!page) return false
    await use(page)
    cursor = page.cursor
  } while (cursor !== '0')
  return true
}

/**
 * The ids of members, with those of earlier generations: a retry has kept them too.
 * @param ms how long they stay. Else their own resultTtl
 */
export function membersByQueue (
  flow: { id: string }, entries: Array<[node: string, entry: string]>, ms?: number
): Map<string, Array<[id: string, ms: number]>> {
  const byQueue = new Map<string, Array<[string, number]>>()
  for (const [node, entry] of entries) {
    const place = placeOfNode(entry)
    let own = byQueue.get(place.queue)
    if (!own) byQueue.set(place.queue, own = [])
    for (let generation = 0; generation <= place.generation; generation++) {
      own.push([memberId(flow.id, node, generation), ms ?? place.ttl])
    }
  }
  return byQueue
}
