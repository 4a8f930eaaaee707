/**
 * Stands in for tstyche where a compiler checks the tests by itself: TypeScript 7 has no interface that tstyche could drive.
 * What holds is an empty list of arguments; what does not is an error. Whether a call compiles is asserted by tstyche alone.
 */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
type Fits<From, To> = [From] extends [To] ? true : false
type Verdict<Found, Wanted> = Found extends Wanted ? [] : ['this does not hold']

interface Matchers<Source, Wanted extends boolean> {
  toBe<Target> (...verdict: Verdict<Same<Source, Target>, Wanted>): void
  toBeAssignableTo<Target> (...verdict: Verdict<Fits<Source, Target>, Wanted>): void
  toBeCallableWith (...args: unknown[]): void
}

export declare function expect<Source> (source?: Source): { type: Matchers<Source, true> & { not: Matchers<Source, false> } }
export declare function test (name: string, run: () => void): void
