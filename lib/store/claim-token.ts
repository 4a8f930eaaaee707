/**
 * A claim token names one call of a worker that claims: "<worker>.<number>".
 */

export const toToken = (worker: string, number: number): string => `${worker}.${number}`

/** Any text is taken for a token: one without a dot is a worker's id. */
export const workerOf = (token: string): string =>
  token.slice(0, token.includes('.') ? token.lastIndexOf('.') : undefined)

export const numberOf = (token: string): number => Number(token.slice(token.lastIndexOf('.') + 1))
