/**
 * Counts of observations by size.
 */
import type { Sample } from './sample.ts'

export class Histogram {
  readonly #buckets: readonly number[]
  /** One for each bucket, and one for all that is larger. */
  readonly #counts: number[]
  #sum = 0
  #count = 0

  /** @param buckets upper bounds, the smallest first */
  constructor (buckets: readonly number[]) {
    this.#buckets = buckets
    this.#counts = new Array<number>(buckets.length + 1).fill(0)
  }

  get isEmpty (): boolean { return this.#count === 0 }

  observe (value: number): void {
    const buckets = this.#buckets
    let i = 0
    while (i < buckets.length && value > buckets[i]!) i++
    this.#counts[i]!++
    this.#sum += value
    this.#count++
  }

  /** The series of a histogram, whose buckets count all smaller ones too. */
  samples (name: string, labels: Record<string, string>): Sample[] {
    let count = 0
    const buckets = this.#counts.map((ofBucket, i) => {
      count += ofBucket
      const le = i < this.#buckets.length ? String(this.#buckets[i]) : '+Inf'
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count }
    ]
  }
}
