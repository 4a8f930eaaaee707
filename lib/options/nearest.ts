/**
 * Finds the option that a misspelt name means.
 */

/** Bounds the work for a name that somebody gave. */
const MAX_COMPARED = 40

/** The known name that is nearest to a misspelt one, upper and lower case being equal. */
export function nearest (name: string, known: string[]): string {
  const given = name.slice(0, MAX_COMPARED).toLowerCase()
  const distances = known.map(other => distance(given, other.toLowerCase()))
  return known[distances.indexOf(Math.min(...distances))]!
}

/** How many letters must be changed, added or removed (Levenshtein). */
function distance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, changed)
    }
    row = next
  }
  return row[b.length]!
}
