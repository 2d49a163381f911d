// Asks a running node what a user would: is it ready, does it want the token, does it take a line, is the line stored.
const { TAKES, STORES, INGEST_TOKEN, METRICS_TOKEN, WAIT_MS = '60000' } = process.env
const until = Date.now() + Number(WAIT_MS)
const bearer = (token) => ({ authorization: `Bearer ${token}` })

async function status(what, wanted, url, options) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(20_000), ...options })
  const text = await answer.text()
  if (answer.status !== wanted)
    throw new Error(`${what}: HTTP ${answer.status}, ${wanted} wanted: ${text.slice(0, 300)}`)
  console.log(`good: ${what}`)
  return text
}

async function stored() {
  const answer = await fetch(`${STORES}/metrics`, {
    headers: bearer(METRICS_TOKEN),
    signal: AbortSignal.timeout(20_000),
  })
  if (!answer.ok) throw new Error(`metrics: HTTP ${answer.status}`)
  const text = await answer.text()
  return Number(/^haetae_store_stored_events_total(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0)
}

const post = (headers) => ({
  method: 'POST',
  headers: { 'content-type': 'text/plain', ...headers },
  body: 'helm test\n',
})
await status('ready to take', 200, `${TAKES}/readyz`)
await status('ready to store', 200, `${STORES}/readyz`)
await status('metrics are not for everybody', 401, `${STORES}/metrics`, { headers: bearer('not-the-token') })
await status('a line without the token is refused', 401, `${TAKES}/v1/logs?source=helm-test`, post({}))
const before = await stored()
await status('a line is taken', 200, `${TAKES}/v1/logs?source=helm-test`, post(bearer(INGEST_TOKEN)))
while ((await stored()) <= before) {
  if (Date.now() > until) throw new Error('the line was taken, and nothing was stored')
  await new Promise((resolve) => setTimeout(resolve, 500))
}
console.log('good: events are stored')
