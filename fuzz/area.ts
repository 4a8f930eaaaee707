/**
 * The interfaces of the fuzz: areas, each with an app of its own, and properties that must hold in an area.
 */
import type fc from 'fast-check'

export interface Property<Input = any> {
  readonly name: string
  /** Its share of all inputs, relative to the weights of the other properties. */
  readonly weight: number
  /** The approximate number of inputs that an attempt tries. Used to compute the number of attempts. */
  readonly batch: number
  readonly arbitrary: fc.Arbitrary<Input>
  /** Returns the number of inputs that it tried. Throws if the property does not hold. */
  readonly attempt: (input: Input) => Promise<number>
}

/** Gives the parameter of `attempt` the type of the arbitrary's values. */
export const property = <Input>(definition: Property<Input>): Property => definition

/** An attempt that tries inputs one after the other. */
export const oneByOne = <Input>(run: (input: Input) => Promise<void>, after?: () => Promise<void>) =>
  async (batch: Input[]): Promise<number> => {
    for (const one of batch) await run(one)
    await after?.()
    return batch.length
  }

export interface Area {
  readonly name: string
  readonly properties: Property[]
  /** Opens the app. Called again after a failed attempt, which may have broken the app. */
  open (): Promise<void>
  close (): Promise<void>
}

export type MakeArea = (url: string) => Area
