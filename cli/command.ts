// What a command of the command line is.

export interface Command {
  readonly summary: string
  readonly usage: string
  /** @returns the exit code */
  readonly run: (args: readonly string[]) => Promise<number>
}
