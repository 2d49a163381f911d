// haetae link: another one-time sign-in link from a running node.

import { parseArgs } from 'node:util'
import type { LinkOutput } from '../core/api.ts'
import type { Command } from './command.ts'
import { clientOptions, clientUsage, openClient } from './node-client.ts'

export const command: Command = {
  summary: 'make a new one-time sign-in link',
  usage: `haetae link

Prints a link that signs in once, within 30 minutes. Whoever can read the node's data folder may make one.
${clientUsage}`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: clientOptions })
    const { link } = await openClient(values).post<LinkOutput>('/v1/session/link', {})
    console.log(link)
    return 0
  },
}
