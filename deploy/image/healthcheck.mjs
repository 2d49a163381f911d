// Exit 0 when the node of this container is ready. For HEALTHCHECK and compose; Kubernetes asks over HTTP itself.
const url = process.argv[2] ?? 'http://127.0.0.1:8514/readyz'
const healthy = await fetch(url, { signal: AbortSignal.timeout(4000) }).then(
  (answer) => answer.ok,
  () => false,
)
process.exit(healthy ? 0 : 1)
