// A document that cannot be taken: the reason for people, and the way to the YAML node, from which the line is found.

export class SigmaProblem extends Error {
  readonly path: readonly (string | number)[]

  constructor(reason: string, path: readonly (string | number)[] = []) {
    super(reason)
    this.path = path
  }
}
