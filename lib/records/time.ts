/** The latest time that a Date can hold, ms since 1970. */
export const MAX_DATE = 8.64e15
