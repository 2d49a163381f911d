#!/bin/sh
# `haetae start` as the first process of a container. A node that others can reach wants a token from senders; where none is
# given, one is made once and kept beside the data: docker compose exec haetae cat /data/ingest-token
set -eu
umask 077
data=${HAETAE_DATA:-/data}
if [ -z "${HAETAE_INGEST_TOKEN:-}" ]; then
  if [ ! -s "$data/ingest-token" ]; then
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$data/ingest-token.new"
    mv "$data/ingest-token.new" "$data/ingest-token"
    echo "haetae: made a token for senders: $data/ingest-token" >&2
  fi
  HAETAE_INGEST_TOKEN=$(cat "$data/ingest-token")
  export HAETAE_INGEST_TOKEN
fi
exec "$(dirname "$0")/../../bin/haetae" start "$@"
