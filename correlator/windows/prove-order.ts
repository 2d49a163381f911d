// node correlator/windows/prove-order.ts [seeds=1000] [first=1]: the property of order.test.ts over more seeds.
// Exit code 0 when every seed gave the same bytes in every order and the oracle agreed, else 1.

import { prove } from './proof.ts'

const seeds = Number(process.argv[2] ?? 1000)
const first = Number(process.argv[3] ?? 1)
let alerts = 0
let wrong = 0
for (let seed = first; seed < first + seeds; seed++) {
  const { inOrder, disordered, ours, oracle } = prove(seed)
  alerts += inOrder.length
  const expected = inOrder.join('\n')
  const same = disordered.every((other) => other.join('\n') === expected) && ours.join('\n') === oracle.join('\n')
  if (same) continue
  wrong++
  console.log(JSON.stringify({ seed, wrong: true }))
}
console.log(JSON.stringify({ seeds, orders: 5 * seeds, alerts, wrong }))
process.exitCode = wrong > 0 ? 1 : 0
