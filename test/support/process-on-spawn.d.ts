/** The package has no types. */
declare module 'process-on-spawn' {
  const processOnSpawn: { addListener (listener: (child: { env: NodeJS.ProcessEnv }) => void): void }
  export default processOnSpawn
}
