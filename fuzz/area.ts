/**
 * What is fuzzed: areas, each with an app of its own, and the properties that are to hold in it.
 */
import type fc from 'fast-check'

export interface Property<Input = any> {
  readonly name: string
  /** How much of all inputs it gets, beside the weights of the others. */
  readonly weight: number
  /** How many inputs one attempt tries, about: to know how many attempts to ask for. */
  readonly batch: number
  readonly arbitrary: fc.Arbitrary<Input>
  /** Gives how many inputs it tried. Throws where something is wrong. */
  readonly attempt: (input: Input) => Promise<number>
}

/** So that an attempt has its input's type. */
export const property = <Input>(one: Property<Input>): Property => one

export interface Area {
  readonly name: string
  readonly properties: Property[]
  /** Puts up what the attempts need. Also after a failure, which may have broken it. */
  open (): Promise<void>
  close (): Promise<void>
}

export type MakeArea = (url: string) => Area
